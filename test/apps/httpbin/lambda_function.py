from apig_wsgi import make_lambda_handler
from app import app


def plain(environ, start_response):
    # apig-wsgi always sets these two; a WSGI server does so where the client sent them.
    if not environ["HTTP_COOKIE"]:
        del environ["HTTP_COOKIE"]
    if environ["CONTENT_LENGTH"] == "0":
        del environ["CONTENT_LENGTH"]
    return app(environ, start_response)


lambda_handler = make_lambda_handler(plain, binary_support=True)
