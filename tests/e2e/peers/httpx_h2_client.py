"""A client on httpx with HTTP/2: httpx_h2_client.py URL. Prints one JSON object of what it saw."""

import asyncio
import json
import sys

import httpx

url = sys.argv[1]
seen = {}


def chat(**words):
    return {"messages": [{"role": "user", "content": "Hello"}], "model": "m", **words}


async def main():
    plain = url.startswith("http:")  # then HTTP/2 from the first byte
    async with httpx.AsyncClient(base_url=url, http1=not plain, http2=True, timeout=30) as client:
        answer = await client.post("/v1/chat/completions", json=chat())
        seen["plain"] = {"status": answer.status_code, "text": answer.text, "version": answer.http_version}

        async def stream():
            async with client.stream("POST", "/v1/chat/completions", json=chat(stream=True)) as answer:
                return "".join([part async for part in answer.aiter_text()])

        seen["streams"] = await asyncio.gather(*[stream() for _ in range(30)])
        async with client.stream("POST", "/v1/chat/completions", json=chat(model="endless", stream=True)) as answer:
            async for _ in answer.aiter_bytes():
                break
        answer = await client.post("/v1/chat/completions", json=chat(user="x" * 300_000))
        seen["large"] = answer.status_code
        answer = await client.post("/v1/chat/completions", content=b"{", headers={"content-type": "application/json"})
        seen["bad"] = {"status": answer.status_code, "code": answer.json()["error"]["code"]}


asyncio.run(main())
print(json.dumps(seen))
