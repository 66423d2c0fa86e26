'use strict';
// Frames to and from the server. They are described in package sandbox, come
// from descriptor 3 and go to descriptor 4; a socket at 3 serves both ways.

const fs = require('fs');

// What functions replace in these modules must not break the runtime.
const { closeSync, readSync, writeSync } = fs;
const exit = process.exit.bind(process);

const QUESTIONS = 3;
const IS_SOCKET = fs.fstatSync(QUESTIONS).isSocket();
const ANSWERS = IS_SOCKET ? 3 : 4;
const HEADER = 32;
const CHUNK = 65536;

// Kinds of frames. 1 and 2 are the questions: init, once, and then invoke.
const HELLO = 0;
const DONE = 3;
const FAILED = 4;
const TOO_LARGE = 5;
const STREAM = 6;
const DATA = 10;
const GONE = 11;

// Set in the header of a frame that another one of the same answer follows.
const MORE = 1;
// How many bytes a frame of a stream has at most.
const MOST = CHUNK;

const inbox = Buffer.allocUnsafeSlow(CHUNK);
const outbox = Buffer.alloc(CHUNK);
const never = new Int32Array(new SharedArrayBuffer(4));

/** Waits a moment: somebody has made a descriptor non-blocking. */
function pause() {
  Atomics.wait(never, 0, 0, 1);
}

/** Writes all of data's first bytes, whatever it takes. */
function writeAll(fd, data, length) {
  for (let sent = 0; sent < length; ) {
    try {
      sent += writeSync(fd, data, sent, length - sent);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      pause();
    }
  }
}

/** Ends with everything this process started: the server is gone. */
function leave() {
  let group = 0;
  try {
    const stat = fs.readFileSync('/proc/self/stat', 'latin1');
    group = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]);
  } catch {
    // there is no such file on this system
  }
  process.kill(group === process.pid ? 0 : process.pid, 'SIGKILL');
}

/** Reads into buffer from an offset to another at most, and returns the new end. */
function readSome(buffer, end, most) {
  for (;;) {
    try {
      const n = readSync(QUESTIONS, buffer, end, most - end, null);
      if (n > 0) return end + n;
      break;
    } catch (error) {
      if (error.code !== 'EAGAIN') break;
      pause();
    }
  }
  leave();
}

/**
 * Waits for the next question and returns the whole frame, which is valid until
 * the next one. Nothing else happens meanwhile: between invocations this process
 * stands still, as an environment of AWS's does. The answer that is sent next
 * repeats the question's id. Only one that is followed by another at once has to be
 * read exactly.
 */
function receive(exactly = false) {
  let frame = inbox;
  for (let end = 0, total = HEADER; ; ) {
    end = readSome(frame, end, exactly ? total : frame.length);
    if (end < HEADER) continue;
    total = HEADER + frame.readUInt32LE(0);
    if (end >= total) {
      frame.copy(outbox, 8, 8, 24);
      return frame.subarray(0, total);
    }
    if (total > frame.length) {
      const larger = Buffer.allocUnsafeSlow(total);
      frame.copy(larger, 0, 0, end);
      frame = larger;
    }
  }
}

/**
 * Waits for the question after a stream. A word that nobody takes the stream any
 * more may come after its end; on AWS a function is not told.
 */
function receiveAfterStream() {
  for (;;) {
    const frame = receive(true);
    if (frame[4] !== GONE) return frame;
  }
}

/** The peak memory in KB where the server cannot see it, else zero. */
function peakMemory() {
  return process.platform === 'linux' ? 0 : process.resourceUsage().maxRSS;
}

/** Whether nothing is really sent. */
let rehearsing = false;

/** Has f done without a word to the server. */
async function rehearse(f) {
  rehearsing = true;
  await f();
  rehearsing = false;
}

/** Sends a frame whose first bytes, header included, are in data. */
function sendFrame(kind, data, length) {
  data.writeUInt32LE(length, 0);
  data[4] = kind;
  data[5] = 0;
  data.writeUInt32LE(peakMemory(), 24);
  if (rehearsing) return;
  try {
    writeAll(ANSWERS, data, HEADER + length);
  } catch {
    exit(1); // the function has closed it
  }
}

/** Sends text, or TOO_LARGE when it is longer than limit. */
function send(kind, text, limit) {
  if (text.length * 3 <= CHUNK - HEADER) {
    sendFrame(kind, outbox, outbox.write(text, HEADER));
    return;
  }
  const length = Buffer.byteLength(text);
  if (length > limit) {
    sendFrame(TOO_LARGE, outbox, 0);
    return;
  }
  const data = Buffer.allocUnsafe(HEADER + length);
  outbox.copy(data, 0, 0, HEADER);
  data.write(text, HEADER);
  sendFrame(kind, data, length);
}

/** A frame of a stream: what begins the first one, if it is that, and bytes. */
function streamFrame(start, part) {
  const frame = Buffer.allocUnsafe(HEADER + start.length + part.length);
  outbox.copy(frame, 0, 0, HEADER);
  frame.writeUInt32LE(start.length + part.length, 0);
  frame[4] = start.length ? STREAM : DATA;
  frame[5] = MORE;
  start.copy(frame, HEADER);
  part.copy(frame, HEADER + start.length);
  return frame;
}

/** What streams are written to: it waits for the server beside what else the function does. */
let outlet;

function openOutlet() {
  if (outlet || IS_SOCKET) return;
  const { Socket } = require('net');
  outlet = new Socket({ fd: ANSWERS, readable: false, writable: true });
  outlet.on('error', () => exit(1)); // the server is gone
}

/** Writes a frame of a stream and calls done when the server has taken it, or nearly. */
function writeFrame(frame, done) {
  if (outlet) {
    outlet.write(frame, done);
    return;
  }
  writeAll(ANSWERS, frame, frame.length);
  done();
}

/**
 * Accepts no more questions: an event that is on its way is given to another
 * environment instead of being lost with this one.
 */
function hangUp() {
  if (IS_SOCKET) return;
  try {
    closeSync(QUESTIONS);
  } catch {
    // the function has closed it
  }
}

module.exports = {
  HELLO,
  DONE,
  FAILED,
  HEADER,
  MOST,
  exit,
  hangUp,
  openOutlet,
  receive,
  receiveAfterStream,
  rehearse,
  send,
  streamFrame,
  writeAll,
  writeFrame,
};
