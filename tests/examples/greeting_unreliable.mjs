// The examples listen_unreliable and connect_unreliable, each with real iroh in the place of the
// other.
//
//   greeting_unreliable.mjs LISTEN CONNECT
import assert from 'node:assert/strict';

import { EndpointAddr, EndpointId, bind, boundAddr, bytes, text } from '../interop/iroh.mjs';
import { Program } from '../interop/program.mjs';

const ALPN = 'n0/iroh/examples/0';

const hello = (id) => `${id} is saying 'hello!'`;
const answer = (id) => `hi! you connected to ${id}. bye bye`;

async function irohConnects(listen) {
    const ours = new Program([listen]);
    const id = await ours.line('endpoint id: ');
    const command = '\t' + listen.replace(/listen_unreliable$/, 'connect_unreliable');
    const [, addrs] = (await ours.line(command)).split(' --addrs ');
    const endpoint = await bind([]);
    const me = endpoint.id().toString();

    const addr = new EndpointAddr(EndpointId.fromString(id), null, addrs.slice(1, -1).split(' '));
    const connection = await endpoint.connect(addr, bytes(ALPN));
    connection.sendDatagram(bytes(hello(me)));
    assert.equal(text(await connection.readDatagram()), answer(id));
    await endpoint.close();

    assert.equal(await ours.line('received: '), hello(me));
    ours.process.kill('SIGINT');
    assert.equal(await ours.toEnd(), 'exit status 0');
}

async function irohListens(connect) {
    const endpoint = await bind([ALPN]);
    const me = endpoint.id().toString();
    const ours = new Program([connect, '--endpoint-id', me, '--addrs', boundAddr(endpoint)]);

    const connection = await (await (await endpoint.acceptNext()).accept()).connect();
    const first = text(await connection.readDatagram());
    const second = text(await connection.readDatagram()); // it says it again, without an answer
    connection.sendDatagram(bytes(answer(me)));
    assert.equal(await connection.closed(), 'closed by peer: 0');
    assert.equal(await ours.toEnd(), 'exit status 0');
    assert.equal(first, hello(await ours.line('endpoint id: ')));
    assert.equal(second, first);
    assert.equal(await ours.line('received: '), answer(me));
    await endpoint.close();
}

setTimeout(() => {
    console.error('greeting_unreliable.mjs still runs after 60 seconds');
    process.exit(1);
}, 60_000);
const [listen, connect] = process.argv.slice(2);
await irohConnects(listen);
console.log('ok      iroh connects to our listen_unreliable');
await irohListens(connect);
console.log('ok      our connect_unreliable connects to iroh');
process.exit(0);
