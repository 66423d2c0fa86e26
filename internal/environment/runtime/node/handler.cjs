'use strict';
// Finds the handler that a function's configuration names.

const fs = require('fs');
const Module = require('module');
const path = require('path');
const { pathToFileURL } = require('url');
const errors = require('./errors.cjs');

const MAJOR = Number(process.versions.node.split('.')[0]);

/** From Node.js 24 on there are no callbacks, and all modules are imported. */
const MODERN = MAJOR >= 24;

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');

/** Requires as AWS's runtime does, whose name stands in the errors. */
const requireFrom = Module.createRequire('/var/runtime/index.mjs');

/** Whether the nearest package.json makes a .js file an ES module. */
function isModulePackage(folder) {
  for (let dir = folder; path.basename(dir) !== 'node_modules'; dir = path.dirname(dir)) {
    const name = path.join(dir, 'package.json');
    if (fs.existsSync(name)) {
      try {
        return JSON.parse(fs.readFileSync(name, 'utf8'))?.type === 'module';
      } catch (error) {
        console.warn(`${name} cannot be read, it will be ignored for ES module detection purposes.`, error);
        return false;
      }
    }
    if (dir === path.dirname(dir)) break;
  }
  return false;
}

/** Loads the module whose file is name with one of AWS's endings. */
async function loadModule(root, folder, module, importModule) {
  const name = path.resolve(root, folder, module);
  const imported = MODERN ? () => true : (ending) => ending === '.mjs' || (ending === '.js' && isModulePackage(path.dirname(name)));
  for (const ending of ['', '.js', '.mjs', '.cjs']) {
    const file = name + ending;
    if (!fs.existsSync(file) || (ending === '' && fs.statSync(file).isDirectory() && MODERN)) continue;
    const loaded = imported(ending) ? await importModule(pathToFileURL(file).href) : requireFrom(file);
    if (loaded) return loaded;
  }
  return requireFrom(requireFrom.resolve(module, { paths: [root, path.join(root, folder)] }));
}

/** Words what went wrong in a function's module. */
function explain(error) {
  if (error instanceof SyntaxError) {
    return Object.assign(new errors.UserCodeSyntaxError(String(error)), { stack: error.stack });
  }
  if (error?.code === 'MODULE_NOT_FOUND') return new errors.ImportModuleError(String(error));
  return error;
}

function find(module, names) {
  return names.split('.').reduce((nested, key) => nested && nested[key], module);
}

/**
 * The function of "dir/module.function", where the last part may be nested:
 * "index.routes.get".
 */
async function loadHandler(root, name, importModule) {
  if (name.includes('..')) {
    throw new errors.MalformedHandlerName(
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const last = path.basename(name);
  const folder = name.slice(0, name.indexOf(last));
  const dot = last.indexOf('.');
  if (dot < 0) throw new errors.MalformedHandlerName('Bad handler');
  const names = last.slice(dot + 1);
  let module;
  try {
    module = await loadModule(root, folder, last.slice(0, dot), importModule);
  } catch (error) {
    throw explain(error);
  }
  const handler = find(module, names) || (MODERN && find(module.default, names));
  if (!handler) throw new errors.HandlerNotFound(`${name} is undefined or not exported`);
  if (typeof handler !== 'function') throw new errors.HandlerNotFound(`${name} is not a function`);
  return check(handler);
}

/** Refuses handlers that the runtime cannot call. */
function check(handler) {
  const streaming = handler[STREAMING];
  if (streaming && streaming !== 'response') {
    throw new errors.MalformedStreamingHandler('Only response streaming is supported.');
  }
  if (MODERN && !streaming && handler.length >= 3) {
    throw new errors.CallbackHandlerDeprecated(
      'ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to ' +
        'modify this function to use a supported handler signature to use Node.js 24 or later. For more information see ' +
        'https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.',
    );
  }
  return handler;
}

module.exports = { MODERN, STREAMING, loadHandler };
