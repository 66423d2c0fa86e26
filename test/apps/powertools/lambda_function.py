from app import CORS, router
from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver

app = LambdaFunctionUrlResolver(cors=CORS)
app.include_router(router)


def lambda_handler(event, context):
    return app.resolve(event, context)
