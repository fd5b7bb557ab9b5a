/**
 * The engine in the browser: what TeaVM compiles into {@code engine.wasm}, the core that most pages
 * need, and {@code engine-full.wasm} and {@code engine.mjs}, which hold everything. See {@link
 * dev.quern.bridge.Edition}.
 *
 * <p>It comes after {@code runtime} and {@code tuner}: the browser's {@link
 * dev.quern.runtime.Machine} and the worker's entry. The worker's JavaScript ({@code
 * web/src/main/js/engine}) owns what must start before the engine is there or needs promises: the
 * memory, the compute threads, the downloads, the messages. It calls the engine's exports with JSON
 * and is called back through {@link dev.quern.bridge.Host}.
 *
 * <p>There is no {@code @JSBody} here: its text would need {@code new Function}, which a content
 * security policy may forbid. Bytes cross between Java and JavaScript through a staging memory,
 * numbers by direct imports.
 */
package dev.quern.bridge;
