package dev.quern.e2e.site;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.browser.Page;
import dev.quern.e2e.browser.TestBrowsers;
import dev.quern.e2e.harness.Front;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

/** A visitor drops a model of their own: the page tells what is in it, runs it, or says why not. */
@InEachBrowser
class OpenPageTest {
  private static final Duration SOON = Duration.ofSeconds(60);

  private final BrowserKind kind;

  OpenPageTest(BrowserKind kind) {
    this.kind = kind;
  }

  @Test
  void aModelIsToldAndRun() throws Exception {
    try (Page page = TestBrowsers.get(kind).open(Site.front(true).origin() + "/open.html")) {
      drop(page, "mlp.onnx", TestModels.mlp());
      page.waitFor("document.documentElement.dataset.state === 'ready'", SOON);
      assertThat(text(page, "contents")).contains("mlp.onnx").contains("Parameters");
      assertThat(text(page, "operators")).contains("1 MatMul").contains("1 Softmax");
      assertThat(text(page, "inputs")).contains("x").contains("float32").contains("16");
      assertThat(text(page, "outputs")).contains("[1, 4]").contains(" to ");
      assertThat(text(page, "status")).startsWith("One run takes");

      page.evaluate(
          """
          (() => {
            document.querySelector('#size-fields input').value = '7';
            document.getElementById('run').click();
          })()\
          """);
      page.waitFor("document.getElementById('outputs').textContent.includes('[7, 4]')", SOON);
      Path folder = Files.createDirectories(Path.of("target", "screenshots"));
      Files.write(folder.resolve("open-" + kind.option() + ".png"), page.screenshot());

      drop(page, "broken.onnx", new byte[] {8, 7, 58, 100, 1});
      page.waitFor("document.documentElement.dataset.state === 'error'", SOON);
      assertThat(text(page, "trouble-text")).isNotBlank();
      drop(page, "net.tflite", new byte[] {1, 2, 3});
      page.waitFor("document.getElementById('trouble-text').textContent.includes('tf2onnx')", SOON);
    }
  }

  private static void drop(Page page, String name, byte[] file) {
    String path = Front.PREFIX + "dropped";
    Site.front(true).serve(path, "application/octet-stream", file, Map.of());
    try {
      page.evaluate(
          """
          (async () => {
            document.documentElement.dataset.state = 'busy';
            const bytes = await (await fetch('%s')).blob();
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([bytes], '%s'));
            const drop = document.getElementById('drop');
            drop.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
          })()\
          """
              .formatted(path, name));
    } finally {
      Site.front(true).withdraw(path);
    }
  }

  private static String text(Page page, String id) {
    return JsonMapper.shared()
        .readTree(page.evaluate("document.getElementById('" + id + "').innerText"))
        .asString();
  }
}
