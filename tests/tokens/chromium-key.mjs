// SPDX-License-Identifier: Apache-2.0
// Lets a headless Chromium's own authenticator make and use a credential, and writes
// down what came: lines of a name and hexadecimal digits. chromium-key.mjs CHROMIUM FOLDER
//
// No network: the page of https://ward.example is made here, every other request
// fails, and no name is resolved. The browser is spoken to through two pipes.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';

const [, , chromium, folder] = process.argv;
const ORIGIN = 'https://ward.example';

const browser = spawn(chromium, [
	'--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
	'--disable-background-networking', '--disable-component-update', '--disable-sync',
	'--disable-default-apps', '--disable-extensions', '--no-default-browser-check',
	'--disable-dev-shm-usage', '--host-resolver-rules=MAP * ~NOTFOUND', '--no-proxy-server',
	`--user-data-dir=${folder}/profile`, '--remote-debugging-pipe', 'about:blank',
], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });

const give = browser.stdio[3];
const take = browser.stdio[4];
const waiting = new Map();
let last = 0;
let rest = '';

function refuse(words) {
	console.error(`chromium-key: ${words}`);
	browser.kill('SIGKILL');
	process.exit(1);
}

setTimeout(() => refuse('no answer within a minute'), 60000).unref();
browser.on('error', (e) => refuse(e.message));
browser.on('exit', (code) => { if (waiting.size > 0) refuse(`the browser ended: ${code}`); });

function call(method, params = {}, sessionId = undefined) {
	const id = ++last;
	give.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
	return new Promise((resolve, reject) => waiting.set(id, { method, resolve, reject }));
}

// The only page there is.
function fulfil({ requestId, request }, sessionId) {
	if (request.url !== `${ORIGIN}/`)
		return call('Fetch.failRequest', { requestId, errorReason: 'AccessDenied' }, sessionId);
	return call('Fetch.fulfillRequest', {
		requestId, responseCode: 200,
		responseHeaders: [{ name: 'Content-Type', value: 'text/html' }],
		body: Buffer.from('<!doctype html><title>ward</title>').toString('base64'),
	}, sessionId);
}

take.on('data', (data) => {
	const parts = (rest + data).split('\0');
	rest = parts.pop();
	for (const part of parts) {
		const message = JSON.parse(part);
		const waiter = waiting.get(message.id);
		if (waiter) {
			waiting.delete(message.id);
			if (message.error)
				waiter.reject(new Error(`${waiter.method}: ${message.error.message}`));
			else
				waiter.resolve(message.result);
		} else if (message.method === 'Fetch.requestPaused') {
			fulfil(message.params, message.sessionId).catch((e) => refuse(e.message));
		}
	}
});

// Runs in the page: makes a credential, then signs with it. All that comes back is text.
async function inPage(algorithm, attestation) {
	const hex = (b) => Array.from(new Uint8Array(b), (x) => x.toString(16).padStart(2, '0')).join('');
	const random = (n) => crypto.getRandomValues(new Uint8Array(n));
	const hash = async (b) => hex(await crypto.subtle.digest('SHA-256', b));
	const made = await navigator.credentials.create({ publicKey: {
		rp: { id: 'ward.example', name: 'ward' },
		user: { id: random(32), name: 'n.kim', displayName: 'n.kim' },
		challenge: random(32),
		pubKeyCredParams: [{ type: 'public-key', alg: algorithm }],
		authenticatorSelection: { userVerification: 'required' },
		attestation,
	} });
	const lines = {
		made_hash: await hash(made.response.clientDataJSON),
		made_object: hex(made.response.attestationObject),
		credential: hex(made.rawId),
	};
	for (const i of [1, 2]) {
		const signed = await navigator.credentials.get({ publicKey: {
			rpId: 'ward.example', challenge: random(32), userVerification: 'required',
			allowCredentials: [{ type: 'public-key', id: made.rawId }],
		} });
		lines[`hash_${i}`] = await hash(signed.response.clientDataJSON);
		lines[`authdata_${i}`] = hex(signed.response.authenticatorData);
		lines[`signature_${i}`] = hex(signed.response.signature);
	}
	return lines;
}

async function session() {
	const { targetInfos } = await call('Target.getTargets');
	const page = targetInfos.find((t) => t.type === 'page');
	const { sessionId } = await call('Target.attachToTarget', { targetId: page.targetId, flatten: true });
	await call('Fetch.enable', { patterns: [{ urlPattern: '*' }] }, sessionId);
	await call('Page.enable', {}, sessionId);
	await call('Page.navigate', { url: `${ORIGIN}/` }, sessionId);
	await call('WebAuthn.enable', {}, sessionId);
	await call('WebAuthn.addVirtualAuthenticator', { options: {
		protocol: 'ctap2', transport: 'usb', hasUserVerification: true, isUserVerified: true,
		automaticPresenceSimulation: true,
	} }, sessionId);
	return sessionId;
}

async function run(sessionId, name, algorithm, attestation) {
	const { result, exceptionDetails } = await call('Runtime.evaluate', {
		expression: `(${inPage})(${algorithm}, '${attestation}')`,
		awaitPromise: true, returnByValue: true, userGesture: true,
	}, sessionId);
	if (exceptionDetails)
		refuse(`${name}: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
	const text = Object.entries(result.value).map(([key, value]) => `${key} ${value}\n`).join('');
	writeFileSync(`${folder}/${name}`, text);
}

try {
	const id = await session();
	await run(id, 'es256-direct', -7, 'direct');
	await run(id, 'es256-none', -7, 'none');
	await run(id, 'rs256-direct', -257, 'direct');
	await run(id, 'eddsa-direct', -8, 'direct');
	await call('Browser.close').catch(() => {});
} catch (e) {
	refuse(e.message);
}
browser.kill();
