import { streamHandle } from "hono/aws-lambda";
import { app } from "./app.mjs";

export const handler = streamHandle(app);
