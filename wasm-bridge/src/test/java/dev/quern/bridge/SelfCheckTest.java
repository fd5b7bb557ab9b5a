package dev.quern.bridge;

import static org.assertj.core.api.Assertions.assertThat;

import com.caoccao.javet.exceptions.JavetException;
import com.caoccao.javet.interop.V8Host;
import com.caoccao.javet.interop.V8Runtime;
import com.caoccao.javet.values.reference.V8ValuePromise;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.teavm.backend.javascript.JSModuleType;
import org.teavm.tooling.TeaVMTargetType;
import org.teavm.tooling.TeaVMTool;
import org.teavm.tooling.TeaVMToolException;
import org.teavm.vm.TeaVMOptimizationLevel;

/** The shared code gives the same in TeaVM's two targets, run in V8, as on the JVM. */
@Tag("slow")
class SelfCheckTest {
  private static final String EXPORTS = "export{x as defaults,t as load,e as wrapImport};";

  @TempDir private Path folder;

  @Test
  void javaScriptComputesWhatTheJvmDoes() throws Exception {
    compile(TeaVMTargetType.JAVASCRIPT, "check.js");
    String script = Files.readString(folder.resolve("check.js"));
    try (V8Runtime v8 = V8Host.getV8Instance().createV8Runtime()) {
      v8.getExecutor("var exports = {}; var module = {exports};" + script).executeVoid();
      assertThat(v8.getExecutor("exports.transcript()").executeString())
          .isEqualTo(SelfCheck.transcript());
    }
  }

  @Test
  void webAssemblyComputesWhatTheJvmDoes() throws Exception {
    compile(TeaVMTargetType.WEBASSEMBLY_GC, "check.wasm");
    String bytes =
        Base64.getEncoder().encodeToString(Files.readAllBytes(folder.resolve("check.wasm")));
    try (V8Runtime v8 = V8Host.getV8Instance().createV8Runtime()) {
      // Text may not become code here either, as under the strictest policy of a page.
      v8.allowEval(false);
      v8.getExecutor(shims() + "const load = (() => {" + runtime() + "return t; })();")
          .executeVoid();
      assertThat(transcript(v8, bytes)).isEqualTo(SelfCheck.transcript());
    }
  }

  private static String transcript(V8Runtime v8, String bytes) throws JavetException {
    try (V8ValuePromise promise =
        v8.getExecutor(
                "load(fromBase64('"
                    + bytes
                    + "'), {}).then((e) => e.exports.transcript(), (e) => 'failed: ' + e.stack)")
            .execute()) {
      v8.await();
      assertThat(promise.isFulfilled()).isTrue();
      return promise.getResultString();
    }
  }

  /** TeaVM's runtime behind our closures, as the build joins them, without its export. */
  private static String runtime() throws IOException {
    String closures = Files.readString(Path.of("src/main/js/closures.js"));
    try (InputStream in =
        TeaVMTool.class
            .getClassLoader()
            .getResourceAsStream("org/teavm/backend/wasm/wasm-gc-module-runtime.min.js")) {
      String runtime = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      assertThat(runtime).endsWith(EXPORTS);
      return closures + runtime.substring(0, runtime.length() - EXPORTS.length());
    }
  }

  /** What a bare V8 lacks of a worker. */
  private static String shims() {
    return """
    const fromBase64 = (text) => {
      const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
      const bytes = [];
      let bits = 0;
      let count = 0;
      for (const c of text.replace(/=+$/, '')) {
        bits = (bits << 6) | digits.indexOf(c);
        count += 6;
        if (count >= 8) {
          count -= 8;
          bytes.push((bits >> count) & 255);
        }
      }
      return Uint8Array.from(bytes);
    };
    // Compiling on a thread of its own needs an event loop.
    WebAssembly.compile = async (bytes, options) => new WebAssembly.Module(bytes, options);
    WebAssembly.instantiate = async (module, imports) => new WebAssembly.Instance(module, imports);
    globalThis.console ??= {log() {}, error() {}, warn() {}};
    globalThis.TextDecoder ??= class {
      decode(bytes) { return String.fromCharCode(...new Uint8Array(bytes.buffer ?? bytes)); }
    };
    """;
  }

  private void compile(TeaVMTargetType target, String file) throws TeaVMToolException {
    TeaVMTool tool = new TeaVMTool();
    tool.setTargetType(target);
    tool.setMainClass(SelfCheck.class.getName());
    tool.setTargetDirectory(folder.toFile());
    tool.setTargetFileName(file);
    tool.setJsModuleType(JSModuleType.UMD);
    tool.setOptimizationLevel(TeaVMOptimizationLevel.SIMPLE);
    tool.setClassLoader(SelfCheckTest.class.getClassLoader());
    tool.generate();
    assertThat(tool.getProblemProvider().getSevereProblems()).isEmpty();
  }
}
