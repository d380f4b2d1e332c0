# SPDX-License-Identifier: Apache-2.0
"""A page in a real browser: how it lies at a width, what it complains of, how it looks."""
import base64

WIDTHS = (1280, 390)

FAULTS = """
const e = document.documentElement, w = e.clientWidth;
const wide = [...document.querySelectorAll('body *')]
    .filter(x => x.getBoundingClientRect().right > w + 0.5 && !x.closest('svg') &&
                 getComputedStyle(x).display !== 'none')
    .map(x => x.tagName + '.' + x.className);
const texts = [...document.querySelectorAll('svg text')].map(t => t.getBoundingClientRect());
const over = texts.filter((a, i) => texts.some((b, k) => k > i && a.left < b.right - 1 &&
    b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2)).length;
const out = [...document.querySelectorAll('svg text')].filter(t => {
    const a = t.getBoundingClientRect(), b = t.closest('.card').getBoundingClientRect();
    return a.left < b.left || a.right > b.right;
}).map(t => t.textContent);
return {inner: innerWidth, client: w, scroll: e.scrollWidth, wide, over, out,
        height: e.scrollHeight, least: Math.min(...[...document.querySelectorAll('svg text')]
        .map(t => t.getBoundingClientRect().height))};
"""


def browser():
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 "--hide-scrollbars", "--force-color-profile=srgb"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    driver.set_page_load_timeout(60)
    return driver


def look(driver, page, out, width, scheme="light"):
    """What is wrong with it; the picture goes to out/STEM-WIDTH.png."""
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [{"name": "prefers-color-scheme", "value": scheme}]})
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
    driver.get(page.as_uri())
    said = driver.execute_script(FAULTS)
    height = min(said["height"], 8000)
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {
        "format": "png", "captureBeyondViewport": True,
        "clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}})
    name = f"{page.stem}-{width}{'-dark' if scheme == 'dark' else ''}.png"
    (out / name).write_bytes(base64.b64decode(shot["data"]))
    said["log"] = [x["message"] for x in driver.get_log("browser")]
    return said


def print_to(driver, page, path):
    driver.get(page.as_uri())
    pdf = driver.execute_cdp_cmd("Page.printToPDF", {"paperWidth": 8.27, "paperHeight": 11.69})
    path.write_bytes(base64.b64decode(pdf["data"]))
