import Testing

@testable import Fuse

struct MountTableTests {
    @Test(arguments: [
        ("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw", "/mnt2", "ext3", "/dev/root"),
        (
            "36 35 0:5 / /no/optional/fields rw - fuse.peekfs peekfs rw,user_id=0", "/no/optional/fields",
            "fuse.peekfs", "peekfs"
        ),
        ("36 35 0:5 / /two rw shared:1 master:2 - fuse.peekfs a\\040b rw", "/two", "fuse.peekfs", "a b"),
        (
            "36 35 0:5 / /tab\\011nl\\012back\\134slash\\040end rw - tmpfs \\043 rw", "/tab\tnl\nback\\slash end",
            "tmpfs", "#"
        ),
        ("36 35 0:5 / /caf\u{e9} rw - tmpfs none rw", "/caf\u{e9}", "tmpfs", "none"),
        ("36 35 0:5 / /a\\9z rw - tmpfs none rw", "/a\\9z", "tmpfs", "none"),
    ])
    func `a line says what is mounted where`(_ line: String, _ mountPoint: String, _ type: String, _ source: String) {
        let entries = MountTable(parsing: Array("\(line)\n".utf8)).entries
        #expect(entries.map(\.id) == [36])
        #expect(entries.map(\.mountPoint) == [mountPoint])
        #expect(entries.map(\.type) == [type])
        #expect(entries.map(\.source) == [source])
    }

    @Test(arguments: [
        "", "\n\n", "36 35", "x y 0:5 / /a rw - tmpfs none rw", "36 35 0:5 / /a rw shared:1 tmpfs none rw rw",
    ])
    func `a line of another form is left out`(_ text: String) {
        #expect(MountTable(parsing: Array(text.utf8)).entries.isEmpty)
    }

    @Test func `the uppermost of several mounts is seen`() {
        let lines = """
            20 1 0:1 / / rw - ext4 a rw
            31 30 0:3 / /mnt rw - fuse.peekfs upper rw
            30 20 0:2 / /mnt rw - tmpfs lower rw
            40 31 0:4 / /mnt/inside rw - tmpfs inside rw
            """
        let table = MountTable(parsing: Array(lines.utf8))
        #expect(table.top(at: "/mnt")?.source == "upper")
        #expect(table.top(at: "/mnt/inside")?.source == "inside")
        #expect(table.top(at: "/mn") == nil)
    }

    @Test func `this machine's table has a root`() throws {
        try #expect(MountTable.current().top(at: "/") != nil)
    }
}

struct MountOptionsTests {
    @Test func `options of a person reach libfuse, those of mount(8) do not`() throws {
        var options = MountOptions()
        try options.add("rw,noauto,x-systemd.automount,_netdev,allow_other,,fsname=a,noatime,comment=x")
        #expect(options.allowOther)
        #expect(
            options.arguments == [
                "-o", "fsname=a", "-o", "subtype=peekfs", "-o", "rw", "-o", "noatime", "-o", "allow_other",
            ])
    }

    @Test(arguments: ["nonsense", "uid=5", "kernel_cache", "allow_others", "direct_io"])
    func `an unknown option is refused`(_ option: String) {
        var options = MountOptions()
        #expect(throws: MountOptionError.unknown(option: option)) { try options.add("rw,\(option)") }
    }

    @Test(arguments: ["default_permissions", "subtype=x", "max_read=4096", "fd=3"])
    func `an option that would break something is refused with a reason`(_ option: String) {
        var options = MountOptions()
        let error = #expect(throws: MountOptionError.self) { try options.add(option) }
        #expect(error?.description.contains("cannot be used") == true)
    }

    @Test func `a name with commas and backslashes stays one option`() {
        #expect(MountOptions(fileSystemName: "a,b\\c").arguments.contains("fsname=a\\,b\\\\c"))
    }
}
