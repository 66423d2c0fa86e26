// What streaming.py does.
import { once } from 'node:events';

export const handler = awslambda.streamifyResponse(async (event, responseStream) => {
  const { chunks, size } = event.queryStringParameters;
  const stream = awslambda.HttpResponseStream.from(responseStream, {
    statusCode: 200,
    headers: { 'content-type': 'application/octet-stream' },
  });
  stream.write('first\n');
  const chunk = Buffer.alloc(Number(size), 'x');
  for (let i = 0; i < Number(chunks); i++) {
    if (!stream.write(chunk)) await once(stream, 'drain');
  }
  stream.end();
});
