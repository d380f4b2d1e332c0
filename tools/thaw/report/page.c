/* SPDX-License-Identifier: Apache-2.0 */
#include "page.h"

#include "svg.h"

/* Colours are those of Okabe and Ito, which people tell apart who see fewer; the grey is for what has no
 * colour of its own. */
static const char style[] =
	":root{color-scheme:light dark;--bg:#f5f6f8;--card:#fff;--ink:#1c2330;--soft:#5d6778;"
	"--line:#dde1e8;--track:#eef0f4;--est:#b9c2d0;--paid:#0072b2;--mid:#1c2330;"
	"--c0:#0072b2;--c1:#e69f00;--c2:#009e73;--c3:#cc79a7;--c4:#56b4e9;--c5:#d55e00;"
	"--c6:#9aa3b2}\n"
	"@media(prefers-color-scheme:dark){:root{--bg:#12151b;--card:#1b2029;--ink:#e8ebf1;"
	"--soft:#9aa5b8;--line:#2d3441;--track:#252b36;--est:#566175;--paid:#4aa8e0;"
	"--mid:#fff;--c0:#4aa8e0;--c1:#f0b429;--c2:#2bbf94;--c3:#dd94bd;--c4:#86cdf3;"
	"--c5:#f07c3a;--c6:#7b8597}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0;background:var(--bg);color:var(--ink);"
	"font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}\n"
	"main{max-width:1080px;margin:0 auto;padding:32px 16px 48px}\n"
	"h1{font-size:28px;line-height:1.2;margin:0;letter-spacing:-.01em}\n"
	"h2{font-size:15px;margin:0 0 14px;font-weight:600}\n"
	"header p{margin:6px 0 24px;color:var(--soft);overflow-wrap:anywhere}\n"
	".tiles,.cards{display:grid;gap:16px;margin-bottom:16px}\n"
	".tiles{grid-template-columns:repeat(auto-fit,minmax(150px,1fr))}\n"
	".cards{grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr))}\n"
	".tile,.card{background:var(--card);border:1px solid var(--line);border-radius:10px;"
	"padding:16px 18px;min-width:0}\n"
	".tile b{display:block;font-size:24px;line-height:1.25;font-weight:600;"
	"font-variant-numeric:tabular-nums}\n"
	".tile span,.none,.note{color:var(--soft);font-size:14px}\n"
	".none{margin:24px 0;text-align:center}\n"
	"main>.card{margin-bottom:16px}\n"
	".reasons{list-style:none;margin:0;padding:0;font-size:14px}"
	".reasons li{display:flex;gap:12px;padding:6px 0;border-bottom:1px solid var(--line);"
	"overflow-wrap:anywhere}.reasons li:last-child{border:0}"
	".reasons b{min-width:2ch;text-align:right}\n"
	".note{margin:20px 0 0}.again code{overflow-wrap:anywhere}\n"
	"svg{display:block;width:100%;height:auto;overflow:visible}\n"
	"text{font-size:12px;fill:var(--ink)}.tick,.value{fill:var(--soft)}"
	".value,.name{paint-order:stroke;stroke:var(--card);stroke-width:4px;"
	"stroke-linejoin:round}.strong{fill:var(--ink);font-weight:600}.name{font-weight:600}\n"
	".grid{stroke:var(--line)}.axis{stroke:var(--soft)}.track{fill:var(--track)}"
	".span{fill:var(--est)}.middle{fill:var(--mid)}\n"
	".s0{fill:var(--c0);background:var(--c0)}.s1{fill:var(--c1);background:var(--c1)}"
	".s2{fill:var(--c2);background:var(--c2)}.s3{fill:var(--c3);background:var(--c3)}"
	".s4{fill:var(--c4);background:var(--c4)}.s5{fill:var(--c5);background:var(--c5)}"
	".s6{fill:var(--c6);background:var(--c6)}"
	".est{fill:var(--est);background:var(--est)}"
	".paid{fill:var(--paid);background:var(--paid)}\n"
	".legend{list-style:none;display:flex;flex-wrap:wrap;gap:4px 18px;margin:12px 0 0;"
	"padding:0;font-size:13px;color:var(--soft)}\n"
	".legend i{display:inline-block;width:10px;height:10px;border-radius:2px;"
	"margin-right:6px}.legend b{color:var(--ink);font-weight:600}\n"
	"table{border-collapse:collapse;width:100%;font-size:14px}\n"
	"th,td{text-align:right;padding:7px 0 7px 14px;border-bottom:1px solid var(--line);"
	"font-variant-numeric:tabular-nums;vertical-align:top;white-space:nowrap}\n"
	"th{color:var(--soft);font-weight:500;font-size:13px}\n"
	"th:first-child,td:first-child{text-align:left;padding-left:0;overflow-wrap:anywhere;white-space:normal}\n"
	"tfoot td{font-weight:600;border-bottom:0}\n"
	"@media(max-width:640px){main{padding-top:20px}.wide{display:none}"
	"h1{font-size:24px}.tile{padding:12px 14px}.tile b{font-size:20px}"
	".tiles{grid-template-columns:1fr 1fr;gap:10px}"
	".tile:first-child{grid-column:1/-1}.cards{gap:10px}main>.card{margin-bottom:10px}"
	"text{font-size:13px}}\n"
	"@media print{:root{color-scheme:light;--bg:#fff;--card:#fff;--ink:#000;--soft:#444;"
	"--line:#ccc;--track:#eee;--est:#b9c2d0;--paid:#0072b2;--mid:#000}"
	"*{print-color-adjust:exact;-webkit-print-color-adjust:exact}"
	"body{font-size:11pt}main{padding:0;max-width:none}"
	".cards{grid-template-columns:1fr 1fr}.tiles{grid-template-columns:repeat(5,1fr)}"
	".tile,.card{break-inside:avoid;padding:10px 12px}.tile b{font-size:14pt}"
	"table{font-size:9pt}tr{break-inside:avoid}}\n";

void page_begin(struct buf *out, const char *title, const char *more)
{
	buf_puts(
		out,
		"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" "
		"content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>");
	markup_put(out, title);
	buf_putc(out, ' ');
	markup_put(out, more);
	buf_printf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n",
		   style);
}

void page_end(struct buf *out)
{
	buf_puts(out, "</main>\n</body>\n</html>\n");
}

void page_tile(struct buf *out, const char *value, const char *words)
{
	buf_puts(out, "<div class=\"tile\"><b>");
	markup_put(out, value);
	buf_puts(out, "</b><span>");
	markup_put(out, words);
	buf_puts(out, "</span></div>\n");
}

void page_cell(struct buf *out, const char *class, const char *text)
{
	buf_printf(out, "<td%s>", class);
	markup_put(out, text);
	buf_puts(out, "</td>");
}
