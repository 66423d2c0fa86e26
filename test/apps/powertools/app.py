"""One set of Powertools routes, for a function URL and for Powertools' own local server."""
from aws_lambda_powertools.event_handler import CORSConfig, Response
from aws_lambda_powertools.event_handler.exceptions import BadRequestError
from aws_lambda_powertools.event_handler.router import Router
from aws_lambda_powertools.shared.cookies import Cookie

CORS = CORSConfig(allow_origin="https://shop.example", extra_origins=["https://admin.example"], max_age=300,
                  allow_headers=["X-Token"], expose_headers=["X-Total"], allow_credentials=True)
router = Router()


@router.get("/todos")
def todos():
    event = router.current_event
    return {"todos": ["buy milk", "Spaß haben"], "done": event.get_query_string_value("done", "no")}


@router.get("/todos/<todo_id>")
def todo(todo_id: str):
    return Response(status_code=200, content_type="application/json", body='{"id": "%s"}' % todo_id,
                    headers={"X-Total": "1"}, cookies=[Cookie(name="last", value=todo_id, secure=False)])


@router.post("/todos")
def add():
    data = router.current_event.json_body
    if "title" not in data:
        raise BadRequestError("a title is missing")
    return {"added": data["title"]}, 201


@router.get("/picture")
def picture():
    return Response(status_code=200, content_type="image/gif", body=bytes(range(256)))


@router.get("/page", compress=True)
def page():
    return Response(status_code=200, content_type="text/html", body="<p>ö</p>" * 500)
