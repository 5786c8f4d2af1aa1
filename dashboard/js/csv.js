// A table as a file: RFC 4180, with a byte order mark, for spreadsheets take it for something else than UTF-8 otherwise.

// What a spreadsheet would take for a formula is text.
function cell(value) {
    if (value === null || value === undefined) return '';
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export const toCsv = rows => rows.map(row => row.map(cell).join(',')).join('\r\n') + '\r\n';

// rows: arrays; the first has the names of the columns.
export function download(name, rows) {
    const blob = new Blob(['\ufeff', toCsv(rows)], {type: 'text/csv;charset=utf-8'});
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = `${name.replace(/[^\p{L}\p{N}._]+/gu, '-').replace(/^[-.]+/, '')}.csv`;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
