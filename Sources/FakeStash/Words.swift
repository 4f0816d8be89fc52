/// The vocabulary of generated names. Two indices give two different names; what is shared between servers and what is not
/// draw from different last words, so that they never collide by accident.
enum Words {
    static let first = [
        "Ada", "Ben", "Cleo", "Dario", "Edith", "Femi", "Greta", "Hugo", "Ines", "Jonas", "Kaya", "Liam", "Mina",
        "Nils",
        "Oona", "Paul", "Quinn", "Rosa", "Sami", "Tove", "Uma", "Vito", "Wren", "Xenia", "Yuki", "Zoë", "Anouk",
        "Björn",
        "Chloé", "Dušan", "Élise", "Faye", "Gwen", "Hana", "Ivo", "Jun", "Kurt", "Lena", "Maja", "Noor",
    ]
    static let localLast = [
        "Abbott", "Brook", "Castle", "Dale", "Ember", "Frost", "Grove", "Hale", "Iver", "Jarvis", "Keller", "Lund",
        "Moss", "North", "Otter", "Pike", "Quill", "Reed", "Stone", "Thorn", "Ullman", "Vale", "West", "Yarrow",
    ]
    static let sharedLast = [
        "Aurora", "Borealis", "Comet", "Delta", "Eclipse", "Fjord", "Glacier", "Horizon", "Island", "Juniper",
        "Kestrel",
        "Lagoon", "Meteor", "Nebula", "Orbit", "Prairie", "Quasar", "Raven", "Solstice", "Tundra", "Umbra", "Vega",
    ]
    static let adjectives = [
        "Amber", "Blue", "Calm", "Distant", "Early", "Fading", "Golden", "Hidden", "Idle", "Jade", "Keen", "Late",
        "Mild",
        "Narrow", "Open", "Pale", "Quiet", "Rising", "Silver", "Tall", "Upper", "Vivid", "Wide", "Young",
    ]
    static let nouns = [
        "Afternoon", "Bridge", "Canal", "Dance", "Evening", "Field", "Garden", "Harbour", "Interview", "Journey",
        "Kitchen",
        "Lake", "Market", "Night", "Orchard", "Parade", "Quarry", "River", "Summit", "Train", "Valley", "Walk",
        "Winter",
    ]
    static let tags = [
        "outdoor", "indoor", "4K", "black and white", "slow motion", "aerial", "time lapse", "interview", "music",
        "crowd",
        "water", "snow", "city", "forest", "studio light", "hand held", "night", "vintage", "close-up", "wide angle",
    ]

    /// The name numbered `index` of a list of two words, with a Roman-looking ordinal once the pairs are used up.
    static func pair(_ index: Int, _ left: [String], _ right: [String]) -> String {
        let round = index / (left.count * right.count)
        let name = left[index % left.count] + " " + right[(index / left.count) % right.count]
        return round == 0 ? name : name + " \(round + 1)"
    }
}

/// Names that break careless file systems, as titles of scenes and names of performers and tags.
package enum AwkwardNames {
    /// Path separators, control characters, lengths, emptiness, twins by case and by normalisation, dots, emoji.
    package static let all: [String] = [
        "../x", "a/b", "line one\nline two", "null\u{0}byte", String(repeating: "ünïcödé ", count: 50), "",
        "Twin", "tWIN", "caf\u{e9}", "cafe\u{301}", ".hidden", "trailing dot.", "trailing space ", "🎬 clapper 👩‍👩‍👧",
        "...", "..", ".", "tab\there", "back\\slash", "CON", "question? star* <angle> |pipe| \"quote\"",
        "&amp; ampersand",
        "-rf", "\u{202e}right to left", "zero\u{200b}width",
    ]
}
