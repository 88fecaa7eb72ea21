import ArgumentParser
import Glibc
import PoolFile

/// `quorate init`.
struct InitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init",
    abstract: "Write a commented example of a pool file. Never overwrites one."
  )

  @Argument(help: "Where to: a file, or a directory that gets a pool.yaml.")
  var file = "pool.yaml"

  @Flag(help: "Tell what would be done and do nothing.")
  var whatIf = false

  func run() async throws {
    var status = stat()
    let isDirectory = stat(file, &status) == 0 && (status.st_mode & S_IFMT) == S_IFDIR
    let path = isDirectory ? "\(file)/pool.yaml" : file
    if whatIf {
      Terminal.write("would write an example to \(path)\n")
      return
    }
    try PoolFile.writeExample(to: path)
    Terminal.write("wrote \(path); edit it, then: quorate pool start \(path)\n")
  }
}
