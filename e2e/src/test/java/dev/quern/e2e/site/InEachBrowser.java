package dev.quern.e2e.site;

import dev.quern.e2e.browser.TestBrowsers;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A test class that takes a browser in its constructor and runs once for each; see {@link
 * TestBrowsers}.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ParameterizedClass(name = "{0}")
@MethodSource("dev.quern.e2e.browser.TestBrowsers#chosen")
@ExtendWith(Site.class)
@Tag("slow")
@Tag("browser")
@interface InEachBrowser {}
