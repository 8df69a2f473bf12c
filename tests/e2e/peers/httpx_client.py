"""A client on httpx: httpx_client.py URL [SOCKET]. Prints one JSON object of what it saw."""

import json
import sys

import httpx

url, uds = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
transport = httpx.HTTPTransport(uds=uds) if uds else httpx.HTTPTransport()
seen = {}
with httpx.Client(base_url=url, transport=transport, timeout=30) as client:
    def chat(**words):
        return {"messages": [{"role": "user", "content": "Hello"}], "model": "m", **words}

    answer = client.post("/v1/chat/completions", json=chat())
    seen["plain"] = {"status": answer.status_code, "text": answer.text}
    with client.stream("POST", "/v1/chat/completions", json=chat(stream=True)) as answer:
        seen["stream"] = {"status": answer.status_code, "text": "".join(answer.iter_text())}
    with client.stream("POST", "/v1/chat/completions", json=chat(model="endless", stream=True)) as answer:
        next(answer.iter_bytes())
    seen["aborted"] = True
    body = json.dumps(chat(stream=True)).encode()
    answer = client.post("/v1/chat/completions", content=iter([body[:20], body[20:]]), headers={"content-type": "application/json"})
    seen["chunked"] = {"status": answer.status_code, "text": answer.text}
    answer = client.get("/v1/models")
    seen["models"] = answer.json()["object"]
    answer = client.post("/v1/chat/completions", content=b"{", headers={"content-type": "application/json"})
    seen["bad"] = {"status": answer.status_code, "code": answer.json()["error"]["code"]}
print(json.dumps(seen))
