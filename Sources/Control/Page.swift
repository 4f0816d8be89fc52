import Foundation
import HTTPTypes

/// The page of the daemon: one document, its style, its script and its picture, which are part of the program. They say nothing about
/// the library, so everybody on this machine may have them; what they show they ask of the API, with the token.
package enum Page {
    package static let routes: [Route] = [
        route("/", PackageResources.page_html, "text/html; charset=utf-8"),
        route("/page.css", PackageResources.page_css, "text/css; charset=utf-8"),
        route("/page.js", PackageResources.page_js, "text/javascript; charset=utf-8"),
        route("/page.svg", PackageResources.page_svg, "image/svg+xml"),
    ]

    /// Nothing but these files and this daemon: no script, style or form of anybody else, and none within the document.
    static let policy = [
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
        "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
    ].joined(separator: "; ")

    private static func route(_ path: String, _ bytes: [UInt8], _ type: String) -> Route {
        let body = Data(bytes)
        return Route(
            .get, path, access: .everybody,
            .blocking { _ in Answer(body: body, type: type, headers: [.contentSecurityPolicy: policy]) })
    }
}
