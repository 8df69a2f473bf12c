"""A client on aiohttp that has a key: aiohttp_messages.py URL KEY MODEL. Prints one JSON object of what it saw."""

import asyncio
import json
import sys

import aiohttp

url, key, model = sys.argv[1:4]
HELLO = {"max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]}


def message(scenario, **more):
    return {"model": f"{model}:{scenario}", **HELLO, **more}


async def stream_of(session):
    text = ""
    async with session.post("/v1/messages", json=message("plain", stream=True)) as answer:
        async for line in answer.content:
            if line.startswith(b"data: "):
                event = json.loads(line[6:])
                if event["type"] == "content_block_delta":
                    text += event["delta"]["text"]
    return text


async def main():
    seen = {}
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(url, timeout=timeout, headers={"x-api-key": key}) as session:
        seen["streams"] = await asyncio.gather(*(stream_of(session) for _ in range(20)))
        async with session.post("/v1/messages", json=message("endless", stream=True)) as answer:
            await answer.content.readany()
            answer.close()
        seen["after"] = await stream_of(session)
        async with session.post("/v1/messages", json=message("status-404")) as answer:
            seen["refused"] = [answer.status, (await answer.json())["error"]["type"]]
    async with aiohttp.ClientSession(url, timeout=timeout) as session:
        async with session.post("/v1/messages", json=message("plain")) as answer:
            seen["nobody"] = [answer.status, (await answer.json())["error"]["type"]]
    print(json.dumps(seen))


asyncio.run(main())
