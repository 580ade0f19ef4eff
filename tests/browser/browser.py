"""A headless Chromium, told what to do over a pipe by the DevTools protocol, and what PNG files show. Nothing but
Python's own library is needed.

    with Browser() as page:
        page.open('report.html')
        page.evaluate('document.title')

What a page says on the console and asks of the network is in page.messages and page.requests."""
import base64
import json
import os
import pathlib
import select
import shutil
import struct
import subprocess
import tempfile
import zlib


def find():
    """The browser's path; None if there is none."""
    return shutil.which('chromium') or shutil.which('chromium-browser')


class Browser:
    def __init__(self):
        self.directory = tempfile.mkdtemp()
        self.number, self.buffer, self.session = 0, b'', None
        self.events, self.messages, self.requests = [], [], []
        its_input, self.to_it = os.pipe()
        self.from_it, its_output = os.pipe()
        # Chromium reads from descriptor 3 and writes to 4; the shell puts the pipes there.
        command = f'exec "$@" 3<&{its_input} 4>&{its_output}'
        self.process = subprocess.Popen(
            ['bash', '-c', command, 'bash', find(), '--headless', '--no-sandbox', '--disable-gpu',
             '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking', '--hide-scrollbars',
             '--user-data-dir=' + self.directory, '--remote-debugging-pipe', 'about:blank'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            pass_fds=(its_input, its_output))
        os.close(its_input)
        os.close(its_output)
        target = next(t for t in self.ask('Target.getTargets')['targetInfos'] if t['type'] == 'page')
        self.session = self.ask('Target.attachToTarget', targetId=target['targetId'], flatten=True)['sessionId']
        for domain in 'Page', 'Runtime', 'Log', 'Network', 'DOM':
            self.ask(domain + '.enable')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def receive(self):
        """The next message, within 30 seconds."""
        while b'\0' not in self.buffer:
            if not select.select([self.from_it], [], [], 30)[0]:
                raise TimeoutError('no answer from the browser')
            data = os.read(self.from_it, 1 << 20)
            if not data:
                raise EOFError('the browser has gone')
            self.buffer += data
        message, self.buffer = self.buffer.split(b'\0', 1)
        return json.loads(message)

    def note(self, event):
        name, what = event['method'], event.get('params', {})
        self.events.append(name)
        if name == 'Network.requestWillBeSent':
            self.requests.append(what['request']['url'])
        elif name == 'Log.entryAdded':
            self.messages.append(what['entry']['text'])
        elif name == 'Runtime.consoleAPICalled':
            self.messages.append(str(what['args']))
        elif name == 'Runtime.exceptionThrown':
            self.messages.append(str(what['exceptionDetails']))

    def ask(self, method, **parameters):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': parameters}
        if self.session:
            message['sessionId'] = self.session
        os.write(self.to_it, json.dumps(message).encode() + b'\0')
        while True:
            answer = self.receive()
            if answer.get('id') == self.number:
                if 'error' in answer:
                    raise RuntimeError(f'{method}: {answer["error"]}')
                return answer['result']
            if 'method' in answer:
                self.note(answer)

    def open(self, path):
        """Loads a file, until all of it is there."""
        self.events.clear()
        self.ask('Page.navigate', url=pathlib.Path(path).resolve().as_uri())
        while 'Page.loadEventFired' not in self.events:
            self.note(self.receive())

    def evaluate(self, expression):
        answer = self.ask('Runtime.evaluate', expression=expression, returnByValue=True)
        if 'exceptionDetails' in answer:
            raise RuntimeError(answer['exceptionDetails'])
        return answer['result'].get('value')

    def look(self, width, height, scheme='light', medium='screen'):
        """As a window of that size on a desktop of a colour scheme, or as on paper (medium print)."""
        self.ask('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.ask('Emulation.setEmulatedMedia', media=medium,
                 features=[{'name': 'prefers-color-scheme', 'value': scheme}])

    def screenshot(self, box, scale=1):
        """PNG of a part of the page: x, y, width and height from its beginning."""
        clip = dict(zip(('x', 'y', 'width', 'height'), box), scale=scale)
        return base64.b64decode(self.ask('Page.captureScreenshot', clip=clip, captureBeyondViewport=True)['data'])

    def pdf(self):
        return base64.b64decode(self.ask('Page.printToPDF', printBackground=True)['data'])


def pixels(png):
    """A PNG's lines, each bytes of three (RGB) or four (RGBA) a pixel; and which of the two."""
    at, data = 8, b''
    while at < len(png):
        length, kind = struct.unpack('>I4s', png[at:at + 8])
        chunk = png[at + 8:at + 8 + length]
        at += 12 + length
        if kind == b'IHDR':
            width, height, depth, colour = struct.unpack('>IIBB', chunk[:10])
        elif kind == b'IDAT':
            data += chunk
    assert depth == 8 and colour in (2, 6), (depth, colour)
    size = 3 if colour == 2 else 4
    data, lines, above = zlib.decompress(data), [], bytearray(width * size)
    for y in range(height):
        begin = y * (width * size + 1)
        line = bytearray(data[begin + 1:begin + 1 + width * size])
        unfilter(data[begin], line, above, size)
        lines.append(line)
        above = line
    return lines, size


def unfilter(kind, line, above, size):
    """PNG's filters, 0 to 4: none, left, above, mean of both, Paeth's."""
    for i in range(len(line)) if kind else ():
        left, up, corner = (line[i - size], above[i], above[i - size]) if i >= size else (0, above[i], 0)
        if kind == 4:
            guess = left + up - corner
            near = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
        else:
            near = (left, up, (left + up) // 2)[kind - 1]
        line[i] = line[i] + near & 255
