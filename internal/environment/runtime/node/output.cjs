'use strict';
// What functions print: the standard streams, and the console in AWS's formats.

const { Writable } = require('stream');
const { format } = require('util');
const { writeAll } = require('./channel.cjs');
const { logText, toError } = require('./errors.cjs');

// Starts an event of several lines among the lines of the output: this mark,
// the length in four bytes, the text.
const EVENT_MARK = Buffer.from('\0furl\x01', 'latin1');
const MAX_EVENT = 256 << 10;

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];

/** What the log lines of the invocation under way carry. */
const invocation = { requestId: undefined };

/** Writes text as one log event, whatever lines it has. */
function writeEvent(text) {
  const body = Buffer.from(text);
  for (let start = 0; start === 0 || start < body.length; start += MAX_EVENT) {
    const part = body.subarray(start, start + MAX_EVENT);
    const data = Buffer.allocUnsafe(EVENT_MARK.length + 4 + part.length);
    EVENT_MARK.copy(data);
    data.writeUInt32LE(part.length, EVENT_MARK.length);
    part.copy(data, EVENT_MARK.length + 4);
    writeAll(1, data, data.length);
  }
}

/**
 * A standard stream that writes at once: what was printed before an answer is
 * there before the answer.
 */
class Output extends Writable {
  constructor(fd) {
    super();
    this.fd = fd;
  }

  _write(chunk, _, done) {
    try {
      writeAll(this.fd, chunk, chunk.length);
      done();
    } catch (error) {
      done(error);
    }
  }

  _destroy(error, done) {
    done(error); // the descriptor stays open
  }
}

function replaceStreams() {
  for (const [name, fd] of [['stdout', 1], ['stderr', 2]]) {
    let stream;
    Object.defineProperty(process, name, {
      configurable: true,
      enumerable: true,
      get: () => (stream ??= new Output(fd)),
    });
  }
}

function textLine(level, message, params) {
  return [new Date().toISOString(), invocation.requestId, level, format(message, ...params)]
    .map(String)
    .join('\t');
}

function stackOf(error) {
  return typeof error.stack === 'string' ? error.stack.split('\n') : error.stack;
}

/** The members of an error in a log of JSON. */
function errorMembers(error) {
  return {
    errorType: error.constructor?.name ?? 'UnknownError',
    errorMessage: error.message,
    stackTrace: stackOf(error),
  };
}

function showErrors(_, value) {
  return value instanceof Error ? { ...errorMembers(value), ...value } : value;
}

function jsonLine(level, message, params) {
  const entry = { timestamp: new Date().toISOString(), level, requestId: invocation.requestId };
  if (params.length === 0) {
    try {
      return JSON.stringify({ ...entry, message }, showErrors);
    } catch {
      return JSON.stringify({ ...entry, message: format(message) });
    }
  }
  entry.message = format(message, ...params);
  const error = [message, ...params].find((one) => one instanceof Error);
  return JSON.stringify(error ? { ...entry, ...errorMembers(error) } : entry);
}

/** Gives the console the format and level that the function's variables say. */
function patchConsole(env) {
  const line = env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON' ? jsonLine : textLine;
  const lowest = LEVELS.indexOf(env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase());
  LEVELS.forEach((level, i) => {
    console[level.toLowerCase()] =
      i < lowest ? () => {} : (message, ...params) => writeEvent(line(level, message, params));
  });
  console.log = console.info;
  const { error } = console;
  logError =
    line === jsonLine
      ? (_, thrown) => error(toError(thrown))
      : (what, thrown) => error(what, '\t' + logText(toError(thrown)));
}

let logError = () => {};

module.exports = {
  invocation,
  /** Logs what was thrown, in the function's log format. */
  logError: (what, thrown) => logError(what, thrown),
  patchConsole,
  replaceStreams,
};
