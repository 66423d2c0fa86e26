'use strict';
// What the runtime loads and calls before it knows a function, so that the first event finds it warm.
exports.handler = async (event) => ({ statusCode: 200, body: JSON.stringify({ message: event.rawPath }) });
