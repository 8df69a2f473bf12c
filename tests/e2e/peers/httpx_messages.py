"""A client on httpx that has a key: httpx_messages.py URL KEY MODEL. Prints one JSON object of what it saw."""

import json
import sys

import httpx

url, key, model = sys.argv[1:4]
HELLO = {"max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]}


def message(scenario, **more):
    return {"model": f"{model}:{scenario}", **HELLO, **more}


def told(answer):
    body = answer.json()
    return {"status": answer.status_code, "type": body.get("type"), "error": (body.get("error") or {}).get("type")}


seen = {}
with httpx.Client(base_url=url, timeout=30, headers={"anthropic-version": "2023-06-01"}) as client:
    mine = {"x-api-key": key}
    seen["plain"] = client.post("/v1/messages", json=message("plain"), headers=mine).json()["content"]
    with client.stream("POST", "/v1/messages", json=message("plain", stream=True), headers=mine) as answer:
        events = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: ")]
    seen["kinds"] = [events[0]["type"], events[-1]["type"]]
    seen["stream"] = "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")
    with client.stream("POST", "/v1/messages", json=message("endless", stream=True), headers=mine) as answer:
        next(answer.iter_bytes())
    seen["nobody"] = told(client.post("/v1/messages", json=message("plain")))
    seen["stranger"] = told(client.post("/v1/messages", json=message("plain"), headers={"authorization": f"Bearer {key}x"}))
    seen["two keys"] = told(client.post("/v1/messages", json=message("plain"), headers={**mine, "authorization": f"Bearer {key}x"}))
    seen["refused"] = told(client.post("/v1/messages", json=message("status-400"), headers=mine))
    seen["no JSON"] = told(client.post("/v1/messages", content=b"{", headers={**mine, "content-type": "application/json"}))
    bearer = {"authorization": f"Bearer {key}"}
    answer = client.post("/v1/chat/completions", json=message("plain"), headers=bearer)
    seen["chat"] = answer.json()["choices"][0]["message"]["content"]
    seen["models"] = [client.get("/v1/models", headers=fields).status_code for fields in (bearer, {})]
print(json.dumps(seen))
