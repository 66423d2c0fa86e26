"""The managed Python runtime: one process, one function, one event at a time.

The process starts before any function is known to it, imports what most
functions need, and waits. The first frame makes it the execution environment of
one function, the second says that its code is there; each further frame is an
event. What a function observes here is what it observes on AWS Lambda.

Frames are described in package sandbox. They come from descriptor 3 and go to
descriptor 4; a socket at 3 serves both ways. A question's id is repeated in its
answer. Works on Python 3.8 and later, with the standard library only.
"""

import datetime
import gc
import importlib
import importlib.machinery
import json
import logging
import os
import re
import select
import signal
import stat
import struct
import sys
import time
import traceback
import types

QUESTIONS = 3
ANSWERS = 4  # unless one socket serves both ways
HEADER = struct.Struct("<IB3x16sQ")
CHUNK = 65536

# How long a forked process waits for its function before it rehearses, in seconds.
REHEARSE_AFTER = 0.02

# Kinds of frames.
HELLO, INIT, INVOKE, DONE, FAILED, TOO_LARGE, STREAM, COMPILE = range(8)
DATA, GONE = 10, 11

# Starts an event of several lines among the lines of the output: this mark,
# the length in four bytes, the text.
EVENT_MARK = b"\x00furl\x01"
MAX_EVENT = 256 << 10

NO_BREAK_SPACE = "\u00a0"


class Fault(Exception):
    """An error that the runtime itself finds, with AWS's type and text."""

    def __init__(self, kind, message, trace=()):
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.trace = list(trace)


# --- Frames -------------------------------------------------------------------


def leave():
    """End with everything this process started: the server is gone."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def receive_rest(data):
    """Complete a frame of which data was read."""
    while True:
        if len(data) >= HEADER.size:
            missing = HEADER.size + HEADER.unpack_from(data)[0] - len(data)
            if missing <= 0:
                return data
            buffer = bytearray(data)
            while missing > 0:
                more = os.read(QUESTIONS, min(missing, 1 << 20))
                if not more:
                    leave()
                buffer += more
                missing -= len(more)
            return bytes(buffer)
        more = os.read(QUESTIONS, CHUNK)
        if not more:
            leave()
        data += more


def receive_first():
    """A frame that another one may follow at once, with nothing of that one."""
    length, kind, ident, _ = HEADER.unpack(receive_bytes(HEADER.size))
    return kind, ident, receive_bytes(length)


def receive_bytes(count):
    data = b""
    while len(data) < count:
        more = os.read(QUESTIONS, count - len(data))
        if not more:
            leave()
        data += more
    return data


def receive_after_stream():
    """The header of the next question, and nothing behind it. A word that nobody
    takes the stream any more may come after its end."""
    while True:
        head = receive_bytes(HEADER.size)
        if HEADER.unpack(head)[1] != GONE:
            return head


def send(kind, ident, aux, body):
    data = HEADER.pack(len(body), kind, ident, aux) + body
    sent = os.write(ANSWERS, data)
    if sent < len(data):
        view = memoryview(data)
        while sent < len(data):
            sent += os.write(ANSWERS, view[sent:])


def peak_memory():
    """Peak resident memory in KB where the server cannot see it, else zero."""
    if sys.platform == "linux":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


# --- Output -------------------------------------------------------------------


def flush():
    streams = (sys.stdout, sys.stderr)
    if streams != STREAMS:  # the function has put others in their place
        streams += STREAMS
    for stream in streams:
        try:
            stream.flush()
        except Exception:
            pass  # the function has closed it


def write_event(text):
    """Write text as one log event, whatever lines it has."""
    text = text.encode("utf-8", "replace")
    flush()
    for start in range(0, len(text) or 1, MAX_EVENT):
        part = text[start : start + MAX_EVENT]
        data = EVENT_MARK + len(part).to_bytes(4, "little") + part
        while data:
            data = data[os.write(1, data) :]


STREAMS = (sys.stdout, sys.stderr)


class Invocation:
    """What the log lines of the invocation under way carry."""

    request_id = ""


class InvocationFilter(logging.Filter):
    def filter(self, record):
        record.aws_request_id = Invocation.request_id
        return True


class EventHandler(logging.Handler):
    def emit(self, record):
        try:
            text = self.format(record)
        except Exception:
            self.handleError(record)
            return
        write_event(text[:-1] if text.endswith("\n") else text)


class JSONFormatter(logging.Formatter):
    """One JSON object per record, with AWS's members in AWS's order."""

    standard = frozenset(vars(logging.makeLogRecord({}))) | {"aws_request_id"}

    def format(self, record):
        level = min(50, max(0, record.levelno)) // 10 * 10
        when = datetime.datetime.fromtimestamp(record.created, datetime.timezone.utc)
        entry = {
            "timestamp": when.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "level": logging.getLevelName(level),
            "message": record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info and record.exc_info[0]:
            kind, value, trace = record.exc_info
            entry["stackTrace"] = traceback.format_tb(trace)
            entry["errorType"] = kind.__name__
            entry["errorMessage"] = str(value)
        entry["requestId"] = record.aws_request_id
        if record.exc_info:
            entry["location"] = "%s:%s:%d" % (record.pathname, record.funcName, record.lineno)
        for key, value in vars(record).items():
            if key not in self.standard and key not in entry and value is not None:
                entry[key] = value
        return json.dumps(entry, ensure_ascii=False)


def set_up_logging():
    handler = EventHandler()
    handler.addFilter(InvocationFilter())
    logging.Formatter.converter = time.gmtime
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON":
        handler.setFormatter(JSONFormatter())
    else:
        handler.setFormatter(
            logging.Formatter(
                "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n",
                "%Y-%m-%dT%H:%M:%S",
            )
        )
    root = logging.getLogger()
    root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = "DEBUG" if level == "TRACE" else level
    if isinstance(logging.getLevelName(level), int):
        root.setLevel(level)


# --- Errors -------------------------------------------------------------------


def error_entry(kind, message, request_id, trace):
    return {
        "errorMessage": message,
        "errorType": kind,
        "requestId": request_id,
        "stackTrace": trace,
    }


def exception_entry(error, request_id):
    """The error object of an exception, without the runtime's own frame."""
    if isinstance(error, Fault):
        return error_entry(error.kind, error.message, request_id, error.trace)
    trace = error.__traceback__
    own = (__file__, getattr(sys.modules.get("asyncio.base_events"), "__file__", None))
    while trace is not None and trace.tb_frame.f_code.co_filename in own:
        trace = trace.tb_next
    frames = [(f.filename, f.lineno, f.name, f.line) for f in traceback.extract_tb(trace)]
    return error_entry(
        type(error).__name__, text_of(error), request_id, traceback.format_list(frames)
    )


def text_of(error):
    try:
        return str(error)
    except Exception:
        return ""


def log_error(entry):
    """Log an error as one event, in the function's log format."""
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON":
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
        write_event(json.dumps(dict(timestamp=now, level="ERROR", **entry), ensure_ascii=False))
        return
    first = "[ERROR]"
    if entry["errorType"]:
        first += " " + entry["errorType"]
    if entry["errorMessage"]:
        first += (": " if entry["errorType"] else " ") + entry["errorMessage"]
    lines = [first, "Traceback (most recent call last):"]
    for item in entry["stackTrace"]:
        for line in item.splitlines() or [""]:
            text = line.lstrip(" ")
            lines.append(NO_BREAK_SPACE * (len(line) - len(text)) + text)
    write_event("\n".join(lines))


def send_error(ident, entry):
    body = entry["errorType"] + "\n" + json.dumps(entry, ensure_ascii=ENSURE_ASCII)
    send(FAILED, ident, peak_memory(), body.encode("utf-8", "replace"))


# --- JSON ---------------------------------------------------------------------

# AWS's runtimes of Python 3.12 and later answer with raw characters.
ENSURE_ASCII = sys.version_info < (3, 12)

RAW_NUMBER = os.urandom(12).hex()
RAW_NUMBER_PATTERN = re.compile('"' + RAW_NUMBER + '([^"]*)"')


def encode_other(value):
    """Encode what JSON does not know, as AWS's encoder does: Decimal, bytes."""
    if type(value) is bytes:
        return value.decode("utf-8")
    decimal = sys.modules.get("decimal")
    if decimal is not None and isinstance(value, decimal.Decimal):
        if value.is_nan():
            return float("nan")
        return RAW_NUMBER + str(value)
    raise TypeError(
        "Object of type %s is not JSON serializable" % value.__class__.__name__
    )


def make_encoder():
    """A function from a value to JSON text.

    The C encoder is made once, without the search for circular references;
    only a value that fails goes through the encoder that words the error.
    """
    careful = json.JSONEncoder(ensure_ascii=ENSURE_ASCII, default=encode_other)
    encode_string = json.encoder.encode_basestring_ascii
    if not ENSURE_ASCII:
        encode_string = json.encoder.encode_basestring
    try:
        fast = json.encoder.c_make_encoder(
            None, encode_other, encode_string, None, ": ", ", ", False, False, True
        )
    except TypeError:  # there is none, or it takes other arguments
        fast = None

    def encode(value):
        if fast is not None:
            try:
                return "".join(fast(value, 0))
            except Exception:
                pass
        return careful.encode(value)

    return encode


def make_marshal():
    encode = make_encoder()

    def marshal(value):
        if isinstance(value, bytes):
            return value
        try:
            text = encode(value)
            if RAW_NUMBER in text:
                text = RAW_NUMBER_PATTERN.sub(r"\1", text)
            return text.encode("utf-8")
        except Exception as error:
            raise Fault(
                "Runtime.MarshalError", "Unable to marshal response: %s" % text_of(error)
            ) from None

    return marshal


# --- The context object ---------------------------------------------------------


class CognitoIdentity:
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self, data):
        self.cognito_identity_id = data.get("cognitoIdentityId")
        self.cognito_identity_pool_id = data.get("cognitoIdentityPoolId")


class Client:
    __slots__ = (
        "installation_id",
        "app_title",
        "app_version_name",
        "app_version_code",
        "app_package_name",
    )

    def __init__(self, data):
        for name in self.__slots__:
            setattr(self, name, data.get(name))


class ClientContext:
    __slots__ = ("custom", "env", "client")

    def __init__(self, data):
        self.custom = data.get("custom")
        self.env = data.get("env")
        client = data.get("client")
        self.client = Client(client) if client else None


STATIC = (
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
)


class LambdaContext:
    """What a handler is told about its invocation."""

    def __init__(self, request_id, deadline, arn, client, identity, static):
        self.aws_request_id = request_id
        self.log_group_name = static["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = static["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.function_name = static["AWS_LAMBDA_FUNCTION_NAME"]
        self.memory_limit_in_mb = static["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.function_version = static["AWS_LAMBDA_FUNCTION_VERSION"]
        self.invoked_function_arn = arn
        self.tenant_id = None
        self.client_context = client
        self.identity = identity
        self._epoch_deadline_time_in_ms = deadline

    def get_remaining_time_in_millis(self):
        return max(self._epoch_deadline_time_in_ms - int(time.time() * 1000), 0)

    def log(self, message):
        write_event(str(message))

    def __repr__(self):
        names = (
            "aws_request_id",
            "log_group_name",
            "log_stream_name",
            "function_name",
            "memory_limit_in_mb",
            "function_version",
            "invoked_function_arn",
            "client_context",
            "identity",
            "tenant_id",
        )
        return "LambdaContext([%s])" % ",".join(
            "%s=%s" % (name, getattr(self, name)) for name in names
        )


NO_IDENTITY = CognitoIdentity({})


def parse_context(text, name):
    try:
        return json.loads(text)
    except Exception as error:
        raise Fault(
            "Runtime.LambdaContextUnmarshalError",
            "Unable to parse %s JSON: %s" % (name, text_of(error)),
        ) from None


# --- Phases -------------------------------------------------------------------


def load_handler(name):
    """Import the module of "dir/module.function" and return the function."""
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise Fault(
            "Runtime.MalformedHandlerName",
            "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % name,
        )
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault(
            "Runtime.BuiltInModuleConflict",
            "Cannot use built-in module %s as a handler module" % module_name,
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault(
            "Runtime.ImportModuleError",
            "Unable to import module '%s': %s" % (module_name, text_of(error)),
        ) from None
    except SyntaxError as error:
        raise Fault(
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module '%s': %s" % (module_name, text_of(error)),
            ['  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)],
        ) from None
    try:
        return getattr(module, function_name)
    except AttributeError:
        raise Fault(
            "Runtime.HandlerNotFound",
            "Handler '%s' missing on module '%s'" % (function_name, module_name),
        ) from None


def adopt(variables):
    os.environ.clear()
    os.environ.update(variables)
    time.tzset()


def initialize(body):
    """Become one function's environment, as far as that goes without its code.
    Returns its settings."""
    settings = json.loads(body)
    adopt(settings["environment"])
    set_up_logging()
    return settings


FINDER = importlib.machinery.FileFinder.path_hook(
    (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
    (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES),
    (importlib.machinery.SourcelessFileLoader, importlib.machinery.BYTECODE_SUFFIXES),
)


def load(ident, settings):
    """Load the function, which is there now. Returns its handler and the limit."""
    code = settings["code"]
    os.chdir(code)
    sys.path.insert(0, code)
    # It is no archive, which would be tried first.
    sys.path_importer_cache[code] = FINDER(code)
    if "layers" in settings:
        python = os.path.join(settings["layers"], "python")
        libraries = os.path.join(python, "lib", "python%d.%d" % sys.version_info[:2], "site-packages")
        sys.path[1:1] = [path for path in (libraries, python) if os.path.isdir(path)]
    try:
        handler = load_handler(settings["handler"])
    except Exception as error:
        entry = exception_entry(error, "")
        log_error(entry)
        flush()
        send_error(ident, entry)
        sys.exit(1)
    flush()
    send(DONE, ident, peak_memory(), b"")
    return handler, settings["limit"]


def compile_code(ident, body):
    """Compile a function's code and end. The module for that is loaded here, for
    few processes need it."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import _furl_compile

    def receive():
        return HEADER.unpack_from(receive_rest(b""))[2]

    _furl_compile.serve(receive, send, ident, body)
    sys.exit(0)


# --- Streams ------------------------------------------------------------------

GENERATORS = (types.GeneratorType, types.AsyncGeneratorType)
MORE = struct.Struct("<IBB2x16sQ")  # the header of a frame that another one follows
MOST = CHUNK  # of a frame; items of so many bytes are common
PRELUDE = b"application/vnd.awslambda.http-integration-response\n"
PLAIN = b"application/octet-stream\n"


class Streams:
    """Answers events with what a handler's generator yields, as it yields it.

    The first item may be a dict: the answer's statusCode, headers and cookies. All
    others are str or bytes. A generator whose client is gone is closed where it
    yields; an asynchronous one is also cancelled where it waits.
    """

    def __init__(self, marshal):
        self.marshal = marshal
        self.own = os.getpid()
        self.loop = None
        self.waiting = None  # the task, while it waits for an item

    def answer(self, items, ident):
        self.ident, self.begun, self.gone = ident, False, False
        if type(items) is types.GeneratorType:
            self.run(items)
        else:
            self.run_async(items)

    def run(self, items):
        try:
            for item in items:
                for frame in self.frames(item):
                    while frame:
                        frame = frame[os.write(ANSWERS, frame) :]
                if select.select([QUESTIONS], [], [], 0)[0]:
                    self.on_question()
                    break
        finally:
            items.close()
        if not self.begun:
            for frame in self.frames(b""):
                os.write(ANSWERS, frame)

    def run_async(self, items):
        import asyncio

        if self.loop is None or self.loop.is_closed():
            self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        # A slow client must not stop the function's other tasks.
        os.set_blocking(ANSWERS, False)
        try:
            self.loop.run_until_complete(self.pass_on(items, asyncio))
        finally:
            os.set_blocking(ANSWERS, True)

    async def pass_on(self, items, asyncio):
        self.loop.add_reader(QUESTIONS, self.on_question)
        try:
            while not self.gone:
                self.waiting = asyncio.current_task()
                try:
                    item = await items.__anext__()
                except StopAsyncIteration:
                    break
                except asyncio.CancelledError:
                    if not self.gone:
                        raise
                    break
                finally:
                    self.waiting = None
                for frame in self.frames(item):
                    await self.write(frame)
            if not self.begun:
                for frame in self.frames(b""):
                    await self.write(frame)
        finally:
            self.loop.remove_reader(QUESTIONS)
            task = asyncio.current_task()
            if self.gone and hasattr(task, "uncancel"):
                task.uncancel()
            await items.aclose()

    async def write(self, frame):
        while frame:
            try:
                frame = frame[os.write(ANSWERS, frame) :]
            except BlockingIOError:
                writable = self.loop.create_future()
                self.loop.add_writer(ANSWERS, lambda: writable.done() or writable.set_result(None))
                try:
                    await writable
                finally:
                    self.loop.remove_writer(ANSWERS)

    def on_question(self):
        """Nobody takes the stream any more: there is nothing else that comes now."""
        receive_bytes(HEADER.size)
        self.gone = True
        if self.waiting is not None:
            self.waiting.cancel()

    def frames(self, item):
        """The frames of one item."""
        if os.getpid() != self.own:  # a child that the function forked came back
            os._exit(0)
        data = self.encode(item)
        if not self.begun:
            start = PRELUDE if isinstance(item, dict) else PLAIN
            part = data[: MOST - len(start)]
            data = data[len(part) :]
            self.begun = True
            yield self.frame(STREAM, start, part)
        for at in range(0, len(data), MOST):
            yield self.frame(DATA, b"", data[at : at + MOST])

    def frame(self, kind, start, part):
        head = MORE.pack(len(start) + len(part), kind, 1, self.ident, 0)
        return memoryview(b"".join((head, start, part)))

    def encode(self, item):
        if isinstance(item, str):
            return memoryview(item.encode("utf-8", "surrogatepass"))
        if isinstance(item, (bytes, bytearray)):
            return memoryview(item)
        if isinstance(item, memoryview):
            return memoryview(item.tobytes())
        if isinstance(item, dict) and not self.begun:
            return memoryview(self.marshal(item) + bytes(8))
        raise Fault(
            "Runtime.InvalidStreamingOperation",
            "Cannot stream a %s: a chunk is str or bytes, and only the first one can be "
            "the metadata of the response" % type(item).__name__,
        )


TRACE_ID = b"_X_AMZN_TRACE_ID"


def serve(handler, limit):
    """Answer events until the server goes away."""
    # Every name that an invocation needs is a local one, and the usual case is
    # written out: this loop is most of what a warm invocation costs.
    header, read, write = HEADER, os.read, os.write
    scan = json.JSONDecoder().scan_once
    marshal = make_marshal()
    variables = os.environ._data
    static = dict(os.environ)
    trace_before = None
    own = os.getpid()
    generators, streams, streamed = GENERATORS, Streams(marshal), False
    while True:
        data = receive_after_stream() if streamed else read(QUESTIONS, CHUNK)
        streamed = False
        if len(data) < 32:
            data = receive_rest(data)
        length, _, ident, deadline = header.unpack_from(data)
        if len(data) < 32 + length:
            data = receive_rest(data)
        text = str(memoryview(data)[32:], "utf-8", "surrogatepass")
        request_id, trace, arn, client, identity, event = text.split("\n", 5)
        Invocation.request_id = request_id
        if trace != trace_before:
            # Past putenv, which keeps every value that ever was: the function
            # sees the variable, its child processes do not.
            if trace:
                variables[TRACE_ID] = trace.encode()
            else:
                variables.pop(TRACE_ID, None)
            trace_before = trace
        try:
            context = LambdaContext(request_id, deadline, arn, None, NO_IDENTITY, static)
            if client:
                context.client_context = ClientContext(parse_context(client, "Client Context"))
            if identity:
                context.identity = CognitoIdentity(parse_context(identity, "Cognito Identity"))
            try:
                value, end = scan(event, 0)
            except (StopIteration, ValueError):
                end = -1
            if end != len(event):
                value = unmarshal(event)
            result = handler(value, context)
            if type(result) in generators:
                streamed = True
                streams.answer(result, ident)
                result = b""
            else:
                result = marshal(result)
            if os.getpid() != own:  # a child that the function forked came back
                os._exit(0)
        except Exception as error:
            if os.getpid() != own:
                os._exit(1)
            entry = exception_entry(error, request_id)
            log_error(entry)
            flush()
            send_error(ident, entry)
            continue
        flush()
        if len(result) > limit:
            send(TOO_LARGE, ident, peak_memory(), b"")
            continue
        data = header.pack(len(result), DONE, ident, peak_memory()) + result
        sent = write(ANSWERS, data)
        while sent < len(data):
            data = data[sent:]
            sent = write(ANSWERS, data)


def unmarshal(text):
    try:
        return json.loads(text)
    except Exception as error:
        raise Fault(
            "Runtime.UnmarshalError", "Unable to unmarshal input: %s" % text_of(error)
        ) from None


def prepare(forks=False):
    """Do what is the same for every function, and needs no channel."""
    for stream in STREAMS:
        stream.reconfigure(line_buffering=True)
    # The code of functions is read-only on AWS, so no bytecode appears there.
    sys.dont_write_bytecode = True
    sys.argv = [""]
    if forks:
        rehearse(30)


class Rehearsed(BaseException):
    """The end of a rehearsal."""


def rehearse(rounds=1):
    """Go through what a function and its events go through, for nothing.

    A forked process copies the memory that it changes, and does that better before
    the function comes than after. The process that forks it rehearses as well: what
    the interpreter learns about code on the way is written down in the code.
    """
    global QUESTIONS, ANSWERS
    before = QUESTIONS, ANSWERS, dict(os.environ), os.getcwd(), sys.path[:]
    here, root = os.path.dirname(os.path.abspath(__file__)), logging.getLogger()
    QUESTIONS, asks = os.pipe()
    hears, ANSWERS = os.pipe()
    settings = {
        "handler": "_furl_rehearsal.handler",
        "code": here,
        "environment": dict(before[2], **dict.fromkeys(STATIC, "-")),
        "limit": CHUNK,
    }
    event = b'id\n\narn\n\n\n{"version": "2.0", "headers": {"a": "b"}, "isBase64Encoded": false}'
    question = HEADER.pack(len(event), INVOKE, bytes(16), 0) + event
    try:
        function, limit = load(bytes(16), initialize(json.dumps(settings).encode()))
        root.removeHandler(root.handlers[-1])

        def handler(event, context):
            nonlocal rounds
            rounds -= 1
            if rounds < 0:
                raise Rehearsed
            os.write(asks, question)
            return function(event, context)

        os.write(asks, question)
        serve(handler, limit)
    except Rehearsed:
        pass
    finally:
        for fd in (QUESTIONS, asks, hears, ANSWERS):
            os.close(fd)
        QUESTIONS, ANSWERS, variables, directory, sys.path[:] = before
        adopt(variables)
        os.chdir(directory)
        Invocation.request_id = ""
        sys.path_importer_cache.pop(here, None)
        sys.modules.pop("_furl_rehearsal", None)


def run(forked=False):
    """Serve one function."""
    global ANSWERS
    if stat.S_ISSOCK(os.fstat(QUESTIONS).st_mode):
        ANSWERS = QUESTIONS
    os.set_inheritable(QUESTIONS, False)
    os.set_inheritable(ANSWERS, False)
    send(HELLO, bytes(16), 0, b"")
    # Who was forked on demand has no time for it.
    if forked and not select.select([QUESTIONS], [], [], REHEARSE_AFTER)[0]:
        rehearse()
    kind, ident, body = receive_first()
    if kind == COMPILE:
        compile_code(ident, body)
    settings = initialize(body)
    _, ident, _ = receive_first()
    serve(*load(ident, settings))


def main():
    prepare()
    gc.collect()
    gc.freeze()
    run()
