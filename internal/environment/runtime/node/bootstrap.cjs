'use strict';
// The managed Node.js runtime: one process, one function, one event at a time.
//
// The process starts before any function is known to it, loads what every
// function needs, and waits. The first frame makes it the execution environment
// of one function, the second says that its code is there; each further frame is
// an event. What a function observes here is what it observes on AWS Lambda. Works
// on Node.js 16 and later, with its own modules only.

const Module = require('module');
const channel = require('./channel.cjs');
const { Call } = require('./call.cjs');
const { failureBody, unhandledRejection } = require('./errors.cjs');
const { STREAMING, loadHandler } = require('./handler.cjs');
const { invocation, logError, patchConsole, replaceStreams } = require('./output.cjs');
const { defineGlobal } = require('./stream.cjs');

const { DONE, FAILED, HEADER, HELLO, exit, hangUp, receive, rehearse, send } = channel;

// Functions may put others in their places.
const { setImmediate } = globalThis;
const { parse } = JSON;

// How the process ends after errors that nobody caught, as on AWS.
const UNCAUGHT = 129;
const UNHANDLED = 128;
const UNSETTLED = 13;

/** Whether the function's code is being loaded. */
let initializing = false;
/** The invocation under way, or null. */
let current = null;

/** Reports an error after which the process cannot go on, and ends. */
function fatal(what, error, status) {
  logError(what, error);
  hangUp();
  if (current) {
    current.abort(error);
  } else if (initializing) {
    send(FAILED, failureBody(error), Infinity);
  }
  exit(status);
}

function watch() {
  process.on('uncaughtException', (error) => fatal('Uncaught Exception', error, UNCAUGHT));
  process.on('unhandledRejection', (reason, promise) =>
    fatal('Unhandled Promise Rejection', unhandledRejection(reason, promise), UNHANDLED),
  );
  process.on('beforeExit', () => {
    if (initializing) exit(UNSETTLED);
    current?.onEmpty?.();
  });
}

/** Becomes one function's environment, as far as that goes without its code. Returns its settings. */
function initialize(frame) {
  const settings = parse(frame.toString('utf8', HEADER));
  const { environment } = settings;
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
  Module._initPaths(); // NODE_PATH is read at the start, when there was none
  patchConsole(environment);
  defineGlobal(environment);
  return settings;
}

/** Loads the function, which is there now. Returns its handler and settings. */
async function load(settings, importModule) {
  process.chdir(settings.code);
  watch();
  initializing = true;
  let handler;
  try {
    handler = await loadHandler(settings.code, settings.handler, importModule);
  } catch (error) {
    fatal('Uncaught Exception', error, UNCAUGHT);
  }
  if (handler[STREAMING]) channel.openOutlet();
  initializing = false;
  send(DONE, '', 0);
  return { handler, settings };
}

/** The head of an invoke frame, which is five lines, and the event after them. */
function split(frame) {
  const text = frame.toString('utf8', HEADER);
  const lines = [];
  let at = 0;
  for (let i = 0; i < 5; i++) {
    const end = text.indexOf('\n', at);
    lines.push(text.slice(at, end));
    at = end + 1;
  }
  const [requestId, trace, arn, client, identity] = lines;
  const deadline = frame.readUInt32LE(24) + frame.readUInt32LE(28) * 0x100000000;
  return [{ requestId, trace, arn, client, identity, deadline }, text.slice(at)];
}

const REHEARSAL = Buffer.from(
  '\0'.repeat(HEADER) +
    '00000000-0000-0000-0000-000000000000\nRoot=1-00000000-000000000000000000000000\narn:aws:lambda\n\n\n' +
    JSON.stringify({ version: '2.0', rawPath: '/', headers: { host: 'localhost' }, requestContext: { http: { method: 'GET' } } }),
);

/** Goes through what the first event will go through, so that it is loaded and compiled when that comes. */
async function rehearsal(importModule) {
  const body = Buffer.from(JSON.stringify({ environment: { ...process.env }, limit: 1024 }));
  const settings = initialize(Buffer.concat([Buffer.alloc(HEADER), body]));
  process.chdir(__dirname);
  for (let i = 0; i < 3; i++) {
    const handler = await loadHandler(__dirname, 'rehearsal.handler', importModule);
    const [head, event] = split(REHEARSAL);
    await new Promise((resolve) => new Call(settings, resolve).run(handler, head, event));
    await new Promise((resolve) => setImmediate(resolve)); // a turn of the event loop, as between events
    delete require.cache[require.resolve('./rehearsal.cjs')];
  }
  delete globalThis.awslambda; // a function may be without
}

/** Answers events until the server goes away. */
function serve({ handler, settings }) {
  let traceBefore = '';
  const receiveNext = handler[STREAMING] ? channel.receiveAfterStream : receive;
  function next() {
    const [head, event] = split(receiveNext());
    invocation.requestId = head.requestId;
    if (head.trace !== traceBefore) {
      if (head.trace) process.env._X_AMZN_TRACE_ID = head.trace;
      else delete process.env._X_AMZN_TRACE_ID;
      traceBefore = head.trace;
    }
    current = new Call(settings, ended);
    current.run(handler, head, event);
  }
  // One turn of the event loop lies between two invocations, so that what a
  // function left in the background goes on.
  function ended() {
    current = null;
    setImmediate(next);
  }
  setImmediate(next);
}

async function main() {
  const { importModule } = await import('./load.mjs');
  replaceStreams();
  await rehearse(() => rehearsal(importModule));
  process.argv = [process.execPath, '/var/runtime/index.mjs'];
  process.mainModule = undefined; // on AWS there is none
  for (const name of Object.keys(require.cache)) delete require.cache[name];
  send(HELLO, '', 0);
  const settings = initialize(receive(true));
  receive();
  serve(await load(settings, importModule));
}

main();
// In stack traces it has the name of AWS's.
//# sourceURL=file:///var/runtime/index.mjs
