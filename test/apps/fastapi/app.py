"""A FastAPI application as one finds them: JSON, forms, files up and down, cookies, server-sent events, errors."""
import hashlib
import json

from fastapi import Body, Cookie, FastAPI, File, Form, HTTPException, Query, Request, UploadFile
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from pydantic import BaseModel

app = FastAPI(title="shop")
app.add_middleware(GZipMiddleware, minimum_size=2000)


class Item(BaseModel):
    name: str
    price: float
    tags: list[str] = []


@app.get("/", response_class=HTMLResponse)
async def home():
    return "<!doctype html><title>Käse</title><p>für 3 €</p>"


@app.get("/items/{item_id}")
async def read_item(item_id: int, q: str | None = None, tag: list[str] = Query([])):
    return {"item_id": item_id, "q": q, "tags": tag}


@app.post("/items", status_code=201)
async def make_item(item: Item):
    return item


@app.delete("/items/{item_id}", status_code=204)
async def delete_item(item_id: int):
    return Response(status_code=204)


@app.api_route("/echo/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"], include_in_schema=False)
async def echo(request: Request, rest: str):
    body = await request.body()
    return {
        "method": request.method,
        "rest": rest,
        "path": request.url.path,
        "url": str(request.url),
        "query": request.query_params.multi_items(),
        "headers": {k: v for k, v in sorted(request.headers.items())},
        "cookies": request.cookies,
        "length": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }


@app.post("/form")
async def form(name: str = Form(...), note: str = Form("")):
    return {"name": name, "note": note}


@app.post("/upload")
async def upload(files: list[UploadFile] = File(...), title: str = Form("")):
    seen = []
    for f in files:
        content = await f.read()
        seen.append([f.filename, f.content_type, len(content), hashlib.sha256(content).hexdigest()])
    return {"title": title, "files": seen}


@app.get("/download")
async def download(size: int = 4096):
    content = bytes(range(256)) * (size // 256)
    return Response(content, media_type="application/octet-stream", headers={"Content-Disposition": 'attachment; filename="data.bin"'})


@app.get("/large")
async def large():
    return PlainTextResponse("all work and no play\n" * 1000)


@app.post("/login")
async def login(user: str = Body(embed=True)):
    answer = JSONResponse({"user": user})
    answer.set_cookie("session", "s3cret+/=", max_age=3600, httponly=True, samesite="lax", path="/")
    answer.set_cookie("theme", "dark")
    answer.delete_cookie("old")
    return answer


@app.get("/whoami")
async def whoami(session: str = Cookie(None), theme: str = Cookie("light")):
    if session is None:
        raise HTTPException(401, "log in first", headers={"X-Reason": "no cookie"})
    return {"session": session, "theme": theme}


@app.get("/events")
async def events(n: int = 3):
    async def stream():
        for i in range(n):
            yield f"id: {i}\nevent: tick\ndata: {json.dumps({'i': i})}\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-cache"})


@app.get("/old")
async def old():
    return RedirectResponse("/items/1?q=moved")


@app.get("/broken")
async def broken():
    raise RuntimeError("by design")
