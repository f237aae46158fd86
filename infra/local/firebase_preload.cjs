/**
 * Loaded into the Firebase emulators with `node --require`. Changes five things, four of them as their modules load:
 *
 * - The Auth emulator compiles its request validators when they are first needed, not for seconds at start.
 * - One Python process serves all concurrent requests of a function, as it does in the cloud. The emulator
 *   as it comes gives a process one request at a time, so a hundred requests start a hundred processes.
 * - That process is started without a shell between, so that stopping the emulator stops it.
 * - Requests to functions do not share connections. A function's server closes those that are idle for
 *   5 s; a request that met that moment was answered 500, and the emulator killed the function for it.
 * - Hosting forwards a chunked body, and one that waits for `100 Continue`, as it does in the cloud. The
 *   emulator as it comes passes these headers on to `fetch`, which throws, and answers 500.
 *
 * Relies on the internals of the firebase-tools version pinned in package.json; a missing one is an error.
 */
"use strict";

const { spawn } = require("node:child_process");
const { EventEmitter } = require("node:events");
const http = require("node:http");
const Module = require("node:module");
const net = require("node:net");
const path = require("node:path");

const CLAIMABLE = new Set(["IDLE", "BUSY"]);

const changes = [
  { exported: "middleware", from: /(^|\/)exegesis-express$/, change: compileValidatorsLazily },
  { exported: "RuntimeWorkerPool", from: /\/functionsRuntimeWorker$/, change: shareWorkers },
  { exported: "FunctionsEmulator", from: /\/functionsEmulator$/, change: startPythonOnce },
  { exported: "proxyRequestHandler", from: /(^|\/)proxy$/, change: forwardAnyBody },
];

http.globalAgent = new http.Agent({ keepAlive: false });

const load = Module._load;
Module._load = function (request, ...rest) {
  const loaded = load.call(this, request, ...rest);
  const index = changes.findIndex(({ exported, from }) => from.test(request) && loaded[exported]);
  if (index < 0) return loaded;
  const [{ change }] = changes.splice(index, 1);
  if (changes.length === 0) Module._load = load;
  return change(loaded) ?? loaded;
};

function compileValidatorsLazily(exegesis) {
  const middleware = (specification, options) =>
    exegesis.middleware(specification, { ...options, lazyCompileValidationSchemas: true });
  return { ...exegesis, middleware };
}

function forwardAnyBody(proxy) {
  const handlerOf = proxy.proxyRequestHandler;
  proxy.proxyRequestHandler = (...target) => {
    const handle = handlerOf(...target);
    return (request, ...rest) => {
      delete request.headers["transfer-encoding"];
      delete request.headers.expect;
      return handle(request, ...rest);
    };
  };
}

function shareWorkers({ RuntimeWorkerPool: { prototype: pool } }) {
  demand(pool, "getIdleWorker", "getTriggerWorkers", "cleanUpWorkers");
  pool.getIdleWorker = function (triggerId, runtime) {
    this.cleanUpWorkers();
    return this.getTriggerWorkers(triggerId, runtime).find(({ state }) => CLAIMABLE.has(state));
  };
}

function startPythonOnce({ FunctionsEmulator: { prototype: emulator }, TCPConn }) {
  demand(emulator, "startRuntime", "startPython");
  const startRuntime = emulator.startRuntime;
  const starting = new Map();
  emulator.startRuntime = function (backend, trigger) {
    if (!starting.has(trigger.id)) {
      const started = startRuntime.call(this, backend, trigger).finally(() => starting.delete(trigger.id));
      starting.set(trigger.id, started);
    }
    return starting.get(trigger.id);
  };
  emulator.startPython = async function ({ functionsDir: cwd }, env) {
    const host = "127.0.0.1";
    const port = await freePort(host);
    const { NODE_OPTIONS: _, ...inherited } = process.env;
    const child = spawn(path.join(cwd, "venv/bin/functions-framework"), [], {
      cwd,
      env: { ...inherited, ...env, PYTHONUNBUFFERED: "1", DEBUG: "False", HOST: host, PORT: String(port) },
      stdio: "pipe",
    });
    return { process: child, events: new EventEmitter(), cwd, conn: new TCPConn(host, port) };
  };
}

function demand(prototype, ...methods) {
  const missing = methods.filter((method) => typeof prototype[method] !== "function");
  if (missing.length > 0) throw new Error(`this version of firebase-tools has no ${missing.join(", ")}`);
}

function freePort(host) {
  return new Promise((resolve, reject) => {
    const server = net.createServer().once("error", reject);
    server.listen(0, host, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
