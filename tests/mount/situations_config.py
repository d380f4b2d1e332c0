# SPDX-License-Identifier: Apache-2.0
"""Configurations that make no sense (tests/mount/test_bad_input.py)."""
from start import situation

CONFIG = "[source lab]\nurl = s3://lab\n"


@situation("a part that is too small")
def small_part(s):
    s.words["restore.range-min"] = "64K"


@situation("a recall-ahead that is none")
def bad_ahead(s):
    s.configure(CONFIG + "[restore]\nrecall-ahead = always\n")


@situation("a pace that is none")
def bad_pace(s):
    s.configure(CONFIG + "pace = fast\n")


@situation("an unknown key")
def unknown_key(s):
    s.configure(CONFIG + "[restore]\ntiers = bulk\n")


@situation("a price of transfer that is none")
def bad_egress(s):
    s.configure(CONFIG + "egress = free\n")


@situation("a free transfer that is no size")
def bad_free(s):
    s.configure(CONFIG + "egress-free = some\n")


@situation("a region without prices, and no names yet")
def no_prices(s):
    s.words["source.prices"] = "mars-north-1"


@situation("a price table with a line that makes no sense")
def bad_price_table(s):
    s.names["TABLE"] = s.dir / "own.csv"
    s.names["TABLE"].write_text("# ours\n*,s3,*,,get,0,cheap,2026-11,own,ours\n")
    s.words["prices.file"] = s.names["TABLE"]


@situation("a price table that is not there")
def no_price_table(s):
    s.names["TABLE"] = s.dir / "own.csv"
    s.words["source.prices"] = s.names["TABLE"]


@situation("an unknown section")
def unknown_section(s):
    s.configure(CONFIG + "[cash]\nsize = 3G\n")


@situation("a bad size")
def bad_size(s):
    s.configure(CONFIG + "[cache]\nsize = lots\n")


@situation("a bad word")
def bad_word(s):
    s.configure(CONFIG + "[restore]\ntier = fast\n")


@situation("a bad duration")
def bad_duration(s):
    s.configure(CONFIG + "refresh = soon\n")


@situation("a bad amount")
def bad_amount(s):
    s.configure(CONFIG + "[budget lab]\nmoney = much\n")


@situation("a budget of nothing")
def _(s):
    s.configure(CONFIG + "[budget lab]\nper = day\n")


@situation("mail from nobody")
def _(s):
    s.configure(CONFIG + "[notice]\nsmtp = smtp://localhost:25\n")


@situation("a hook that is none")
def _(s):
    s.configure(CONFIG + "[notice]\nhook = /nowhere\n")


@situation("a budget's path in no source")
def _(s):
    s.configure(CONFIG + "[budget lab]\nmoney = 1\nwho = path:/nowhere\n")


@situation("a policy for nobody there is")
def _(s):
    s.configure(CONFIG + "[policy /lab]\nusers = nobodyatall\n")


@situation("a policy's unknown tier")
def _(s):
    s.configure(CONFIG + "[policy]\ntiers = bulk, quick\n")


@situation("metrics at no address")
def _(s):
    s.words["mount.metrics-listen"] = "localhost"


@situation("metrics for other machines, unsaid")
def _(s):
    s.words["mount.metrics-listen"] = "0.0.0.0:9808"


@situation("links for longer than there can be")
def _(s):
    s.configure(CONFIG + "[policy]\nlinks = 8d\n")


@situation("mails with links for longer")
def _(s):
    s.configure(CONFIG + "[notice]\nlink = 8d\n")


@situation("a storm limit that is no number")
def _(s):
    s.configure(CONFIG + "[policy]\nstorm-files = many\n")


@situation("a chargeback file with a bad line")
def _(s):
    (s.dir / "who").write_text("user:root dna\nroot dna\n")
    s.configure(CONFIG + f"[policy]\nchargeback = {s.dir}/who\n")
    s.names["FILE"] = s.dir / "who"


@situation("an archive class that is none")
def _(s):
    s.configure(CONFIG + "archive-classes = COLD:STANDARD\n")


@situation("an inventory of S3 for a vault")
def inventory_of_vault(s):
    s.configure(f"[source photos]\nurl = glacier://us-east-1/photos\nendpoint = {s.sim.url}\n"
                "inventory = s3://lab/inv\n")


@situation("an unknown storage class")
def bad_class(s):
    s.configure(CONFIG + "storage-classes = FROZEN\n")


@situation("an unknown user")
def bad_user(s):
    s.configure(CONFIG + "[mount]\nuid = nobodyatall\n")


@situation("an unknown group of a directory")
def _(s):
    s.configure(CONFIG + "[mount /lab/x]\ngid = nobodyatall\n")


@situation("a directory of no source")
def _(s):
    s.configure(CONFIG + "[mount /nowhere]\nmode = 0400\n")


def owners(s, text):
    s.names["FILE"] = s.dir / "owners"
    if text:
        s.names["FILE"].write_text(text)
    s.words["mount.owners"] = s.names["FILE"]


@situation("a file of owners with an unknown user")
def _(s):
    owners(s, "/lab, root, root\n/lab/x, nobodyatall\n")


@situation("a file of owners with a mode that is none")
def _(s):
    owners(s, "# ours\n/lab, root, 0, rw\n")


@situation("a file of owners that is not there")
def _(s):
    owners(s, None)


@situation("two sources of one bucket, with different owners")
def _(s):
    s.configure(CONFIG + f"[source all]\nurl = s3://lab/part\nendpoint = {s.sim.url}\n"
                "[mount /all/x]\nmode = 0400\n")


@situation("a mount handed over whose modes nobody looks at")
def _(s):
    s.before = ["sh", "-c", 'exec 9</dev/null; d=$1; shift; exec "$d" "$1" /dev/fd/9 -o "$4"', "sh"]
    s.words["allow_other"] = None


@situation("a configuration without a source")
def no_source(s):
    s.configure("[cache]\nsize = 3G\n")


@situation("a configuration file that is not there")
def no_file(s):
    s.source = "archive.conf"


@situation("a URL of something else")
def bad_scheme(s):
    s.source = "ftp://lab"


@situation("a vault's URL without region")
def bad_vault_url(s):
    s.source = "glacier://photos"


@situation("an unknown option")
def bad_option(s):
    s.words["allow_othr"] = None


@situation("no mount point")
def no_operand(s):
    s.before = ["sh", "-c", 'exec "$1" "$2"', "sh"]
