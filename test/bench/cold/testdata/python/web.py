"""A handler of a web framework."""
from fastapi import FastAPI
from mangum import Mangum

app = FastAPI()


@app.get("/")
def greet(name: str = "world"):
    return {"message": "hello " + name}


handler = Mangum(app, lifespan="off")
