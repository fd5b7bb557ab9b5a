package dev.quern.e2e.browser;

import java.util.EnumSet;
import java.util.Set;

/** A running headless browser. Closing it ends its processes; closing twice is allowed. */
public sealed interface Browser extends AutoCloseable permits PlaywrightBrowser, WebKitBrowser {

  /** What a launch can turn on that a plain visitor's browser does not have. */
  enum Option {
    /**
     * Chromium only: WebGPU on SwiftShader, its Vulkan driver in software ({@code
     * --enable-unsafe-webgpu}).
     */
    CHROMIUM_WEBGPU,
    /**
     * Chromium only: WebGPU's compatibility mode on OpenGL ES, on Mesa's driver in software
     * (package mesa-vulkan-drivers).
     */
    CHROMIUM_COMPATIBILITY,
    /** Firefox only: WebGPU on Mesa's Vulkan driver in software (package mesa-vulkan-drivers). */
    FIREFOX_WEBGPU,
    /**
     * WebKit only: shared memory, which WebKitGTK leaves off ({@code JSC_useSharedArrayBuffer}).
     */
    WEBKIT_SHARED_MEMORY,
    /** WebKit only: relaxed SIMD, which WebKitGTK leaves off ({@code JSC_useWasmRelaxedSIMD}). */
    WEBKIT_RELAXED_SIMD
  }

  /**
   * Starts a browser.
   *
   * @throws BrowserException if it is not installed (the message names the Debian package) or does
   *     not start
   */
  static Browser launch(BrowserKind kind, Option... options) {
    Set<Option> chosen = EnumSet.noneOf(Option.class);
    chosen.addAll(Set.of(options));
    return switch (kind) {
      case CHROMIUM, FIREFOX -> PlaywrightBrowser.start(kind, chosen);
      case WEBKIT -> WebKitBrowser.start(chosen);
    };
  }

  /** Which engine this is. */
  BrowserKind kind();

  /** Name and version as the browser reports them, such as {@code Chromium 156.0.8078.73}. */
  String version();

  /**
   * Opens a page with a storage of its own and waits until it has loaded, one minute at most.
   *
   * @throws BrowserException if the address cannot be loaded in time
   */
  Page open(String url);

  /** Whether pages can still be opened: not closed, and not ended because it hung. */
  boolean isOpen();

  @Override
  void close();
}
