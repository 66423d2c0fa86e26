'use strict';
// Response streaming as functions see it.

const { Writable, finished } = require('stream');
const { MOST, streamFrame, writeFrame } = require('./channel.cjs');
const { InvalidStreamingOperation } = require('./errors.cjs');
const { STREAMING } = require('./handler.cjs');

const WATERMARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');
const PRELUDE = 'application/vnd.awslambda.http-integration-response';
const NOTHING = Buffer.alloc(0);

/** The stream that a handler writes its answer to. */
class ResponseStream extends Writable {
  #begun = false;
  #idle = null;

  constructor(highWaterMark) {
    super(highWaterMark > 0 ? { highWaterMark } : undefined);
    this.contentType = 'application/octet-stream';
    this._started = false;
    /** Whether a frame is being written. */
    this.busy = false;
  }

  setContentType(type) {
    if (this._started) throw new InvalidStreamingOperation('Cannot set content-type, too late.');
    this.contentType = String(type).replace(/[\r\n]/g, ' ');
  }

  write(chunk, ...rest) {
    const data = typeof chunk === 'string' || chunk instanceof Uint8Array ? chunk : JSON.stringify(chunk);
    if (this._started) return super.write(data, ...rest);
    this.cork(); // what comes first and the chunk go in one frame
    try {
      this._onBeforeFirstWrite?.((first) => super.write(first));
      this._started = true;
      return super.write(data, ...rest);
    } finally {
      this.uncork();
    }
  }

  end(chunk, ...rest) {
    if (chunk === undefined || chunk === null || typeof chunk === 'function') return super.end(chunk, ...rest);
    this.write(chunk, ...rest.filter((one) => typeof one === 'string'));
    return super.end(...rest.filter((one) => typeof one === 'function'));
  }

  _write(chunk, _, done) {
    this.#send(chunk, done);
  }

  _writev(chunks, done) {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  /** A stream to which nothing was written begins and ends. */
  _final(done) {
    if (this.#begun) done();
    else this.#send(NOTHING, done);
  }

  /** Sends data, one frame after the other. */
  #send(data, done) {
    const start = this.#begun ? NOTHING : Buffer.from(this.contentType + '\n');
    const size = MOST - start.length;
    this.#begun = this.busy = true;
    writeFrame(streamFrame(start, data.subarray(0, size)), () => {
      this.busy = false;
      if (data.length > size && !this.#idle) this.#send(data.subarray(size), done);
      else done();
      this.#idle?.();
    });
  }

  /** Ends the stream, if it has not ended, and calls done when what was written is on its way. */
  close(done) {
    const end = () => {
      if (this.busy) this.#idle = done;
      else done();
    };
    if (!this.#begun) {
      this.destroy();
      done();
      return;
    }
    finished(this, end);
    if (!this.writableEnded) super.end();
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
