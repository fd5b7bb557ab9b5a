package dev.quern.e2e.browser;

import java.util.Locale;

/**
 * The three browser engines, each with the program that is run and the Debian package that holds
 * it.
 */
public enum BrowserKind {
  CHROMIUM("Chromium", "chromium", "chromium"),
  FIREFOX("Firefox", "firefox-esr", "firefox-esr"),
  WEBKIT("WebKit", "WebKitWebDriver", "webkit2gtk-driver");

  private final String label;
  private final String program;
  private final String aptPackage;

  BrowserKind(String label, String program, String aptPackage) {
    this.label = label;
    this.program = program;
    this.aptPackage = aptPackage;
  }

  /** The name that people use, such as {@code Chromium}. */
  public String label() {
    return label;
  }

  /** The name on the command line, such as {@code chromium}. */
  public String option() {
    return name().toLowerCase(Locale.ROOT);
  }

  String program() {
    return program;
  }

  String aptPackage() {
    return aptPackage;
  }
}
