// A real iroh endpoint that plays its part in one of the acts of acts.mjs; acts.c is the same on our
// library.
//
//   iroh_acts.mjs accept ACT               ends with its standard input
//   iroh_acts.mjs connect ACT ID ADDR
import { EndpointAddr, EndpointId, bind, boundAddr, bytes, text } from './iroh.mjs';

const ALPN = 'iq/acts/0';
const MAX = 1000;

function say(event, details = {}) {
    process.stdout.write(JSON.stringify({ event, ...details }) + '\n');
}

// iroh's own words: the last line of what the binding reports, without the call stack.
const words = (error) => error.message.split('\n\nStack backtrace')[0].split('\n').at(-1).trim();

const send = async (stream, message) => {
    await stream.writeAll(bytes(message));
    await stream.finish();
};
const hear = async (recv) => text(await recv.readToEnd(MAX));

async function echoDatagrams(connection) {
    for (;;) connection.sendDatagram(await connection.readDatagram());
}

// One at a time, then those of the same length in a row.
async function sendDatagrams(connection) {
    const payload = (length, i) => Array.from({ length }, (_, k) => (i * 3 + k * 7) & 255);
    const sent = [0, 13, 1162, 100, 100, 100, 100, 100].map(payload);
    const back = [];

    for (const datagram of sent.slice(0, 3)) {
        connection.sendDatagram(datagram);
        back.push(await connection.readDatagram());
    }
    sent.slice(3).forEach((datagram) => connection.sendDatagram(datagram));
    while (back.length < sent.length) back.push(await connection.readDatagram());
    say('datagrams', {
        lens: back.map((datagram) => datagram.length),
        equal: JSON.stringify(back) === JSON.stringify(sent),
    });
}

const accepts = {
    async stop_7(connection) {
        const { recv } = await connection.acceptBi();
        say('heard', { texts: [text(await recv.read(MAX))] });
        await recv.stop(7n);
    },
    async reset_9(connection) {
        const stream = await connection.acceptBi();
        say('heard', { texts: [await hear(stream.recv)] });
        await stream.send.writeAll(bytes('abc'));
        await stream.send.reset(9n);
    },
    async second_first(connection) {
        const streams = [await connection.acceptBi(), await connection.acceptBi()];
        const texts = await Promise.all(streams.map(async (stream) => {
            const message = await hear(stream.recv);
            await send(stream.send, message);
            return message;
        }));
        say('heard', { texts });
    },
    async uni_both_ways(connection) {
        say('heard', { texts: [await hear(await connection.acceptUni())] });
        await send(await connection.openUni(), 'from the accept side');
    },
    async delivered(connection) {
        const stream = await connection.acceptBi();
        say('heard', { texts: [await hear(stream.recv)] });
        await stream.send.finish();
    },
    // The binding lets nothing go before its garbage is collected: this is what a drop does.
    async dropped(connection) {
        const stream = await connection.acceptBi();
        say('heard', { texts: [text(await stream.recv.read(MAX))] });
        await send(stream.send, 'bye');
        await stream.recv.stop(0n);
    },
    datagrams: echoDatagrams,
    datagram_too_long: echoDatagrams,
};

const connects = {
    async stop_7(connection) {
        const stream = await connection.openBi();
        await stream.send.writeAll(bytes('x'));
        say('stopped', { code: await stream.send.stopped() });
    },
    async reset_9(connection) {
        const stream = await connection.openBi();
        await send(stream.send, 'x');
        say('reset', { code: await stream.recv.receivedReset() });
    },
    async second_first(connection) {
        const [one, two] = [await connection.openBi(), await connection.openBi()];
        const texts = [];
        await send(two.send, 'two');
        texts.push(await hear(two.recv));
        await send(one.send, 'one');
        texts.push(await hear(one.recv));
        say('heard', { texts });
    },
    async uni_both_ways(connection) {
        await send(await connection.openUni(), 'from the connect side');
        say('heard', { texts: [await hear(await connection.acceptUni())] });
    },
    async delivered(connection) {
        const stream = await connection.openBi();
        await send(stream.send, 'all of it');
        say((await stream.send.stopped()) === null ? 'delivered' : 'stopped');
        await hear(stream.recv);
    },
    async dropped(connection) {
        const stream = await connection.openBi();
        await stream.send.writeAll(bytes('x'));
        say('stopped', { code: await stream.send.stopped() });
        say('heard', { texts: [await hear(stream.recv)] });
    },
    datagrams: sendDatagrams,
    async datagram_too_long(connection) {
        try {
            connection.sendDatagram(Array(1415).fill(0));
        } catch (error) {
            say('refused', { error: words(error) });
        }
    },
};

async function accept(name) {
    const endpoint = await bind([ALPN]);
    say('bound', { id: endpoint.id().toString(), addr: boundAddr(endpoint) });
    process.stdin.resume().on('end', async () => {
        await endpoint.close();
        process.exit(0);
    });
    const connection = await (await (await endpoint.acceptNext()).accept()).connect();
    await accepts[name](connection).catch(() => {}); // what it has said tells
}

async function connect(name, id, addr) {
    const endpoint = await bind([]);
    say('bound');
    const peer = new EndpointAddr(EndpointId.fromString(id), null, [addr]);
    const connection = await endpoint.connect(peer, bytes(ALPN));
    await connects[name](connection);
    connection.close(0n, []);
    await endpoint.close();
    process.exit(0);
}

setTimeout(() => {
    console.error('iroh_acts still runs after 60 seconds');
    process.exit(1);
}, 60_000);
const [side, ...rest] = process.argv.slice(2);
await { accept, connect }[side](...rest);
