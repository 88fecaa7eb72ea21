import Foundation
import PatchEngine
import PatchRun
import PoolModel
import PoolTesting
import Testing

@Suite(.timeLimit(.minutes(5))) struct ReportTests {
  @Test func theHTMLPageStandsAlone() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    let report = try await world.engine(by: "<ann>@\"ops\"").patch(progress: world.progress)
    let page = RunReportHTML.render(report)
    #expect(page.hasPrefix("<!doctype html>"))
    #expect(page.contains("<svg"))
    #expect(page.contains("&lt;ann&gt;@&quot;ops&quot;"))
    #expect(!page.contains("<ann>"))
    for outside in ["http:", "https:", "src=", "href=", "@import", "<script"] {
      #expect(!page.contains(outside))
    }
    let document = try XMLish.balance(page)
    #expect(document.isEmpty)
  }

  @Test func aReportComesFromItsJournalAlone() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    let report = try await world.engine(world.step(apply: "exit 1")).patch(progress: world.progress)
    let shown = try await world.engine().show(report.run)
    #expect(shown == report)
    let text = RunReportText.render(report)
    #expect(text.contains("because: fe2: patching: exit code 1") || text.contains("patching: exit code 1"))
    #expect(text.contains("go on with:\n  quorate patch test\n  quorate runs abort test"))
    let data = try JSONEncoder().encode(report)
    #expect(try JSONDecoder().decode(RunReport.self, from: data) == report)
  }

  @Test func aRefusalSaysWhy() async throws {
    let world = try EngineWorld(servers: 1, groups: 2)
    defer { world.clean() }
    let report = try await world.engine().patch(progress: world.progress)
    #expect(report.exitCode == .refused)
    #expect(
      RunReportText.render(report).contains(
        "refused because:\n  fe1 is the only server of the pool: to stop it is an outage"
      )
    )
  }
}

/// Elements of our page that are opened and not closed.
enum XMLish {
  static func balance(_ page: String) throws -> [String] {
    var open: [String] = []
    for name in ["svg", "table", "ul", "body", "html", "head", "style", "h1", "h2", "span", "text", "rect"] {
      let opened = page.components(separatedBy: "<\(name)").count - 1
      let closed = page.components(separatedBy: "</\(name)>").count - 1
      if opened != closed { open.append("\(name) \(opened)/\(closed)") }
    }
    return open.filter { !$0.hasPrefix("head ") }
  }
}
