import { handle, streamHandle } from "hono/aws-lambda";
import { app } from "./app.mjs";

export const buffered = handle(app);
export const streaming = streamHandle(app);
