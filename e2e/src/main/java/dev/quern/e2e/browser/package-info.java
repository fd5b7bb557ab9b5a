/**
 * Headless browsers as the tests and the command line need them: open a page, evaluate an
 * expression, wait, take a picture, close.
 *
 * <p>Purpose: one interface, {@link dev.quern.e2e.browser.Browser}, over Chromium and Firefox
 * (Playwright) and WebKit (WebDriver), so that a test is written once and run in each.
 *
 * <p>Invariants: every wait is bounded; a browser that does not answer in time is killed with all
 * its processes; every browser is closed when its owner closes it and, failing that, when the
 * virtual machine ends. Only processes that this package started are ended.
 *
 * <p>Place in the order: depends on nothing of ours; {@code harness} and the commands use it.
 */
package dev.quern.e2e.browser;
