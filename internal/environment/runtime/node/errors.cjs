'use strict';
// Errors as AWS words them: those that the runtime itself finds, and the error
// objects that callers and the log get.

const { types } = require('util');

/** Makes a class of errors whose name is "Runtime." and its kind. */
function fault(kind) {
  const made = { [kind]: class extends Error {} }[kind];
  made.prototype.name = 'Runtime.' + kind;
  return made;
}

const ImportModuleError = fault('ImportModuleError');
const HandlerNotFound = fault('HandlerNotFound');
const MalformedHandlerName = fault('MalformedHandlerName');
const UserCodeSyntaxError = fault('UserCodeSyntaxError');
const MalformedStreamingHandler = fault('MalformedStreamingHandler');
const InvalidStreamingOperation = fault('InvalidStreamingOperation');
const CallbackHandlerDeprecated = fault('CallbackHandlerDeprecated');
const JSONStringifyError = fault('JSONStringifyError');
const NodeJsExit = fault('NodeJsExit');
const UnhandledPromiseRejection = fault('UnhandledPromiseRejection');

/** The error for a rejection that nobody handled. */
function unhandledRejection(reason, promise) {
  return Object.assign(new UnhandledPromiseRejection(asText(reason)), { reason, promise });
}

/** The error for a promise that cannot be settled any more. */
function neverSettled() {
  return new NodeJsExit(
    'The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a ' +
      'Promise that was never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes',
  );
}

function asText(value) {
  try {
    return String(value);
  } catch {
    return '';
  }
}

/** Whether a value can be shown as an error: some come from another realm. */
function looksLikeError(value) {
  return (
    types.isNativeError(value) ||
    (value && ['name', 'message', 'stack'].every((key) => value[key] && typeof value[key] === 'string'))
  );
}

/** The error object that the caller gets. */
function payloadOf(error) {
  try {
    if (!looksLikeError(error)) {
      return { errorType: typeof error, errorMessage: String(error), trace: [] };
    }
    return { errorType: error.name, errorMessage: error.message, trace: error.stack.split('\n') };
  } catch {
    return {
      errorType: 'handled',
      errorMessage:
        'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack',
    };
  }
}

/** An error with the members that JSON would leave out. */
function withMembers(_, value) {
  if (!(value instanceof Error)) return value;
  const all = { errorType: value.name, errorMessage: value.message, code: value.code, ...value };
  if (typeof value.stack === 'string') all.stack = value.stack.split('\n');
  return all;
}

/** The JSON of an error as it stands in a log of text. */
function logText(error) {
  try {
    return JSON.stringify(error, withMembers);
  } catch {
    return JSON.stringify(payloadOf(error));
  }
}

/** What was thrown, as an error. */
function toError(value) {
  return value instanceof Error ? value : new Error(asText(value));
}

/** The body of a FAILED frame. */
function failureBody(error) {
  const payload = payloadOf(error);
  return (asText(payload.errorType).replace(/\n/g, ' ') || 'Error') + '\n' + JSON.stringify(payload);
}

module.exports = {
  CallbackHandlerDeprecated,
  HandlerNotFound,
  ImportModuleError,
  InvalidStreamingOperation,
  JSONStringifyError,
  MalformedHandlerName,
  MalformedStreamingHandler,
  UserCodeSyntaxError,
  failureBody,
  logText,
  neverSettled,
  toError,
  unhandledRejection,
};
