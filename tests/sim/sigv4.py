# SPDX-License-Identifier: Apache-2.0
"""A small signer of requests, independent of the simulator's check and of the client's signer."""
import datetime
import hashlib
import hmac
import urllib.parse

KEY = "AKIATHAWSIM000000000"
SECRET = "thaw-sim-secret"
UNRESERVED = "-_.~"


def quote(text, keep=""):
    return urllib.parse.quote(text, safe=UNRESERVED + keep)


def stamp(offset_s=0):
    now = datetime.datetime.utcnow() + datetime.timedelta(seconds=offset_s)
    return now.strftime("%Y%m%dT%H%M%SZ")


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signing_key(secret, day, region, service):
    key = mac(("AWS4" + secret).encode(), day)
    for word in (region, service, "aws4_request"):
        key = mac(key, word)
    return key


def canonical_query(query):
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
    return "&".join(sorted(f"{quote(n)}={quote(v)}" for n, v in pairs))


def canonical(method, path, query, headers, names, payload):
    lower = {n.lower(): " ".join(v.split()) for n, v in headers.items()}
    lines = "".join(f"{n}:{lower[n]}\n" for n in names)
    return f"{method}\n{path}\n{canonical_query(query)}\n{lines}\n{';'.join(names)}\n{payload}"


def signature(secret, scope, date, text):
    to_sign = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(text.encode()).hexdigest()}"
    day, region, service, _ = scope.split("/")
    return hmac.new(signing_key(secret, day, region, service), to_sign.encode(),
                    hashlib.sha256).hexdigest()


def sign(service, method, target, headers, body=b"", *, key=KEY, secret=SECRET,
         region="us-east-1", date=None, unsigned=(), payload=None):
    """The headers to send. `target` is encoded already; `headers` has Host; `unsigned` names
    headers to send unsigned; `payload` replaces the body's hash."""
    path, _, query = target.partition("?")
    headers = dict(headers)
    date = date or stamp()
    headers["x-amz-date"] = date
    payload = payload or hashlib.sha256(body).hexdigest()
    if service == "s3":
        headers.setdefault("x-amz-content-sha256", payload)
    names = sorted(n.lower() for n in headers if n.lower() not in unsigned)
    scope = f"{date[:8]}/{region}/{service}/aws4_request"
    text = canonical(method, path, query, headers, names, payload)
    headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={';'.join(names)}, "
        f"Signature={signature(secret, scope, date, text)}")
    return headers


def presign(service, method, target, host, *, key=KEY, secret=SECRET, region="us-east-1",
            date=None, expires=3600):
    """The target with its signature in the query."""
    path, _, query = target.partition("?")
    date = date or stamp()
    scope = f"{date[:8]}/{region}/{service}/aws4_request"
    query += ("&" if query else "") + urllib.parse.urlencode({
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": f"{key}/{scope}",
        "X-Amz-Date": date, "X-Amz-Expires": expires, "X-Amz-SignedHeaders": "host"})
    text = canonical(method, path, query, {"host": host}, ["host"], "UNSIGNED-PAYLOAD")
    return f"{path}?{query}&X-Amz-Signature={signature(secret, scope, date, text)}"
