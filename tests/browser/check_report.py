#!/usr/bin/env python3
"""Opens reports in Chromium as their readers do, and says what is wrong; nothing if all is well.

    check_report.py FIGURES PAGE.html...     each page has so many figures"""
import sys

import browser

FIGURES = """Array.from(document.querySelectorAll('figure svg'), svg => {
    const box = svg.getBoundingClientRect(), name = id => document.getElementById(id)?.textContent ?? '';
    return {box: [box.x + scrollX, box.y + scrollY, box.width, box.height], role: svg.getAttribute('role'),
        name: svg.getAttribute('aria-labelledby').split(' ').map(name).join(' / ')};
})"""

GROUND = "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)"

# Of the first table with more than a row to sort, clicks on the second column's heading: what is then in the column, in
# order, and what the heading says of it. Null if there is no such table.
SORTED = """(() => {
    const table = Array.from(document.querySelectorAll('table.sort')).find(table => table.tBodies[0].rows.length > 1);
    const heading = table?.querySelectorAll('thead th')[1];
    heading?.querySelector('button').click();
    return table ? {order: heading.getAttribute('aria-sort'), marked: table.querySelectorAll('[aria-sort]').length,
        values: Array.from(table.tBodies[0].rows, row => Number(row.cells[1].dataset.v))} : null;
})()"""


def check(condition, what):
    if not condition:
        raise SystemExit(f'check_report: {what}')


def check_drawn(png, what):
    """Neither blank nor a single patch: some of it, and not most, is other than white."""
    lines, size = browser.pixels(png)
    marked, colours, seen = 0, set(), 0
    for line in lines:
        for i in range(0, len(line), size):
            colour = bytes(line[i:i + 3])
            seen += 1
            marked += colour != b'\xff\xff\xff'
            colours.add(colour)
    check(marked > 0.002 * seen and len(colours) > 3,
          f'{what} is blank: {marked} of {seen} pixels, {len(colours)} colours')


def check_figures(page, wanted, what):
    figures = page.evaluate(FIGURES)
    check(len(figures) == wanted, f'{what}: {len(figures)} figures, expected {wanted}')
    for figure in figures:
        x, y, width, height = figure['box']
        here = f'{what}, "{figure["name"]}"'
        check(figure['role'] == 'img' and len(figure['name']) > 40, f'{here}: no words for it')
        check(width > 250 and height > 150, f'{here}: {width} x {height}')
        check_drawn(page.screenshot(figure['box'], 0.25), here)


def check_sorting(page, what):
    for order, sign in ('descending', -1), ('ascending', 1):
        got = page.evaluate(SORTED)
        check(not got or (got['order'] == order and got['marked'] == 1), f'{what}: not sorted, {got}')
        check(not got or got['values'] == sorted(got['values'], key=lambda v: sign * v), f'{what}: {order} are {got}')


def check_page(page, path, wanted):
    page.open(path)
    for scheme in 'light', 'dark':
        page.look(1200, 900, scheme)
        check_figures(page, wanted, f'{path} in {scheme}')
        ground = sum(page.evaluate(GROUND))
        check(ground > 600 if scheme == 'light' else ground < 150, f'{path}: the ground in {scheme} is {ground} of 765')
    page.look(400, 800)
    width = page.evaluate('document.documentElement.scrollWidth')
    check(width <= 400, f'{path}: {width} pixels wide in a window of 400')
    page.look(1200, 900, 'dark', 'print')
    check(sum(page.evaluate(GROUND)) == 765, f'{path}: on paper the ground is not white')
    check(page.pdf().startswith(b'%PDF-'), f'{path}: cannot be printed')
    page.look(1200, 900)
    check_sorting(page, path)


def check_without_script(page, path):
    page.ask('Emulation.setScriptExecutionDisabled', value=True)
    page.open(path)
    check(page.evaluate("document.querySelectorAll('th button').length") == 0, f'{path}: the script has run')
    words = page.evaluate('document.body.innerText')
    check('Effective configuration' in words and 'How to get the same' in words, f'{path}: not whole without script')
    page.ask('Emulation.setScriptExecutionDisabled', value=False)


def main(wanted, paths):
    with browser.Browser() as page:
        for path in paths:
            check_page(page, path, wanted)
            check_without_script(page, path)
        others = [url for url in page.requests if not url.startswith(('file://', 'data:image/png;base64,'))]
        check(not others, f'requests: {others}')
        files = {url for url in page.requests if url.startswith('file://')}
        check(len(files) == len(set(paths)), f'files: {files}')
        check(not page.messages, f'console: {page.messages}')


main(int(sys.argv[1]), sys.argv[2:])
