from app import CORS, router
from aws_lambda_powertools.event_handler import HttpResolverLocal

app = HttpResolverLocal(cors=CORS)
app.include_router(router)
