'use strict';
// One invocation: the handler's context, its callback, and how it ends.

const { DONE, FAILED, send } = require('./channel.cjs');
const errors = require('./errors.cjs');
const { MODERN, STREAMING } = require('./handler.cjs');
const { logError } = require('./output.cjs');
const { ResponseStream, WATERMARK } = require('./stream.cjs');

// Functions may put another in its place.
const { setImmediate } = globalThis;

/** Whether a handler is declared async, so that it must settle its promise. */
function isAsync(handler) {
  return handler.constructor?.name === 'AsyncFunction';
}

function isPromise(value) {
  return value && typeof value.then === 'function';
}

function parse(text, name) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error}`);
  }
}

function stringify(result) {
  try {
    return JSON.stringify(result) ?? 'null';
  } catch {
    const message = 'Unable to stringify response body';
    throw MODERN ? new errors.JSONStringifyError(message) : new Error(message);
  }
}

/** An invocation under way. Only its first end counts. */
class Call {
  /** settings has limit, in bytes; ended is called once it is answered. */
  constructor(settings, ended) {
    this.settings = settings;
    this.ended = ended;
    this.over = false;
    this.answered = false;
    this.waits = !MODERN;
    /** Called when nothing is left that could end the invocation. */
    this.onEmpty = null;
    /** What a streaming handler writes to. */
    this.stream = null;
  }

  answer(sendIt) {
    if (this.answered) return;
    this.over = this.answered = true;
    sendIt();
    this.ended();
  }

  succeed(result) {
    if (this.over) return;
    const text = stringify(result);
    this.answer(() => send(DONE, text, this.settings.limit));
  }

  fail(error) {
    if (this.over) return;
    logError('Invoke Error', error);
    this.abort(error);
  }

  /** Answers with an error that was logged. In the midst of a frame that is no more possible. */
  abort(error) {
    if (this.stream?.busy) return;
    const body = errors.failureBody(error);
    this.answer(() => send(FAILED, body, this.settings.limit));
  }

  /** The callback: a result waits until the event loop is empty, an error does not. */
  callback(error, result) {
    if (this.over) return;
    if (error !== undefined && error !== null) {
      this.fail(error);
    } else if (!this.waits) {
      this.succeed(result);
    } else {
      this.over = true;
      this.onEmpty = () =>
        setImmediate(() => {
          const text = stringify(result);
          this.answer(() => send(DONE, text, this.settings.limit));
        });
    }
  }

  /** The members of the context by which older handlers end an invocation. */
  legacyMembers() {
    const call = this;
    return {
      get callbackWaitsForEmptyEventLoop() {
        return call.waits;
      },
      set callbackWaitsForEmptyEventLoop(value) {
        call.waits = value;
      },
      succeed: (result) => call.succeed(result),
      fail: (error) => call.fail(error ?? 'handled'),
      done: (error, result) => (error === undefined || error === null ? call.succeed(result) : call.fail(error)),
    };
  }

  /** Runs a handler on the text of an event. */
  run(handler, head, event) {
    if (handler[STREAMING]) {
      this.runStreaming(handler, head, event);
      return;
    }
    this.onEmpty = () => (MODERN || isAsync(handler) ? this.fail(errors.neverSettled()) : this.succeed(null));
    try {
      const context = makeContext(MODERN ? {} : this.legacyMembers(), head, this.settings.environment);
      const result = MODERN
        ? handler(JSON.parse(event), context)
        : handler(JSON.parse(event), context, (error, value) => this.callback(error, value));
      if (isPromise(result)) {
        Promise.resolve(result)
          .then((value) => this.succeed(value), (error) => this.fail(error ?? 'handled'))
          .catch((error) => this.fail(error)); // the result is no JSON
      } else if (MODERN) {
        this.succeed(result);
      }
    } catch (error) {
      if (MODERN) this.fail(error);
      else this.callback(error);
    }
  }

  async runStreaming(handler, head, event) {
    const stream = (this.stream = new ResponseStream(handler[WATERMARK]));
    const finished = new Promise((resolve, reject) => stream.on('finish', resolve).on('error', reject));
    finished.catch(() => {}); // it is looked at when the handler has returned
    this.onEmpty = () => this.failStreaming(new Error('Response stream is not finished.'));
    try {
      const context = makeContext(MODERN ? {} : { callbackWaitsForEmptyEventLoop: true }, head, this.settings.environment);
      const result = handler(JSON.parse(event), stream, context);
      if (!isPromise(result)) throw new Error('Streaming does not support non-async handlers.');
      if ((await result) !== undefined) console.warn('Streaming handlers ignore return values.');
      await finished;
      this.answer(() => send(DONE, '', this.settings.limit));
    } catch (error) {
      this.failStreaming(error);
    }
  }

  /** Fails once what was written before is on its way. */
  failStreaming(error) {
    if (this.over) return;
    this.over = true;
    logError('Invoke Error', error);
    this.onEmpty = null;
    this.stream.close(() => this.abort(error));
  }
}

/** What a handler is told about its invocation, added to context. */
function makeContext(context, head, env) {
  context.functionVersion = env.AWS_LAMBDA_FUNCTION_VERSION;
  context.functionName = env.AWS_LAMBDA_FUNCTION_NAME;
  context.memoryLimitInMB = env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE;
  context.logGroupName = env.AWS_LAMBDA_LOG_GROUP_NAME;
  context.logStreamName = env.AWS_LAMBDA_LOG_STREAM_NAME;
  context.clientContext = head.client ? parse(head.client, 'ClientContext') : undefined;
  context.identity = head.identity ? parse(head.identity, 'CognitoIdentity') : undefined;
  context.invokedFunctionArn = head.arn;
  context.awsRequestId = head.requestId;
  context.tenantId = undefined;
  const { deadline } = head;
  context.getRemainingTimeInMillis = () => deadline - Date.now();
  return context;
}

module.exports = { Call };
// In stack traces it has the name of AWS's.
//# sourceURL=file:///var/runtime/index.mjs
