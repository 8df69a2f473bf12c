"""A client on aiohttp: aiohttp_client.py URL. Prints one JSON object of what it saw."""

import asyncio
import json
import sys

import aiohttp


def chat(**words):
    return {"messages": [{"role": "user", "content": "Hello"}], "model": "m", **words}


async def read(session, **words):
    async with session.post("/v1/chat/completions", json=chat(**words)) as answer:
        return {"status": answer.status, "text": (await answer.read()).decode()}


async def read_for_ever(session, begun):
    async with session.post("/v1/chat/completions", json=chat(model="endless", stream=True)) as answer:
        await answer.content.readany()
        begun.set()
        await answer.read()


async def main(url):
    seen = {}
    async with aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(total=30)) as session:
        seen["plain"] = await read(session)
        many = await asyncio.gather(*(read(session, stream=True) for _ in range(20)))
        seen["streams"] = many
        async with session.post("/v1/chat/completions", json=chat(model="endless", stream=True)) as answer:
            await answer.content.readany()
            answer.close()
        begun = asyncio.Event()
        task = asyncio.create_task(read_for_ever(session, begun))
        await asyncio.wait_for(begun.wait(), 30)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        seen["cancelled"] = task.cancelled()
        seen["after"] = await read(session, stream=True)
    print(json.dumps(seen))


asyncio.run(main(sys.argv[1]))
