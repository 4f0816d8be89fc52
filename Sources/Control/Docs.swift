/// What the description says about a route.
package struct Docs: Sendable {
    package let summary: String

    package init(_ summary: String) { self.summary = summary }
}
