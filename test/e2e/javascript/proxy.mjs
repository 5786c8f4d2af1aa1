import { connect, createServer } from 'node:net';

// Between client and server: passes everything on, but the answers to the first POSTs to a path that ends so are cut off
// after the server has begun to send them, which it does when it has committed.
export async function cutAnswers(target, { path, times }) {
    const { hostname, port } = new URL(target);
    const proxy = { cut: 0, url: undefined, close: () => new Promise((done) => server.close(done)) };
    const server = createServer((client) => {
        const upstream = connect(Number(port || 80), hostname);
        let doomed = false;
        client.on('data', (data) => {
            if (proxy.cut < times && data.toString('latin1').match(/^POST (\S*)/)?.[1].endsWith(path)) doomed = true;
            upstream.write(data);
        });
        upstream.on('data', (data) => {
            if (!doomed) return client.write(data);
            proxy.cut++;
            client.destroy();
            upstream.destroy();
        });
        for (const [one, other] of [[client, upstream], [upstream, client]]) {
            one.on('error', () => other.destroy());
            one.on('close', () => other.destroy());
        }
    });
    await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
    proxy.url = `http://127.0.0.1:${server.address().port}`;
    return proxy;
}
