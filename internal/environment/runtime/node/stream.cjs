'use strict';
// Response streaming as functions see it. The stream is collected and answered
// when it has ended.

const { Writable } = require('stream');
const { InvalidStreamingOperation } = require('./errors.cjs');
const { STREAMING } = require('./handler.cjs');

const WATERMARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');
const PRELUDE = 'application/vnd.awslambda.http-integration-response';

/** The stream that a handler writes its answer to. */
class ResponseStream extends Writable {
  constructor(highWaterMark) {
    super(highWaterMark > 0 ? { highWaterMark } : undefined);
    this.chunks = [];
    this.contentType = 'application/octet-stream';
    this._started = false;
  }

  setContentType(type) {
    if (this._started) throw new InvalidStreamingOperation('Cannot set content-type, too late.');
    this.contentType = String(type).replace(/[\r\n]/g, ' ');
  }

  write(chunk, ...rest) {
    if (!this._started) {
      this._onBeforeFirstWrite?.((first) => super.write(first));
      this._started = true;
    }
    return super.write(typeof chunk === 'string' || chunk instanceof Uint8Array ? chunk : JSON.stringify(chunk), ...rest);
  }

  end(chunk, ...rest) {
    if (chunk === undefined || chunk === null || typeof chunk === 'function') return super.end(chunk, ...rest);
    this.write(chunk, ...rest.filter((one) => typeof one === 'string'));
    return super.end(...rest.filter((one) => typeof one === 'function'));
  }

  _write(chunk, _, done) {
    this.chunks.push(chunk);
    done();
  }
}

/** Makes streams that begin with an HTTP answer's status and headers. */
class HttpResponseStream {
  static from(stream, prelude) {
    stream.setContentType(PRELUDE);
    const text = JSON.stringify(prelude);
    stream._onBeforeFirstWrite = (write) => {
      write(text);
      write(new Uint8Array(8));
    };
    return stream;
  }
}

/** Defines the global awslambda, unless the function's variables forbid it. */
function defineGlobal(env) {
  if (['1', 'true'].includes(env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) return;
  globalThis.awslambda = {
    streamifyResponse(handler, options) {
      handler[STREAMING] = 'response';
      if (typeof options?.highWaterMark === 'number') handler[WATERMARK] = Math.trunc(options.highWaterMark);
      return handler;
    },
    HttpResponseStream,
  };
}

module.exports = { ResponseStream, WATERMARK, defineGlobal };
