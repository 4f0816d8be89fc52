import Foundation
package import Library

/// A name as suggestions compare it: letters and digits only, without case and accents. Two names that are equal in this
/// way are a reason to ask a person, never one to join anything.
package enum LooseName {
    /// Empty when the name holds no letter and no digit.
    package static func fold(_ name: String) -> String {
        if name.utf8.allSatisfy({ $0 < 0x80 }) {
            return name.lowercased().filter { $0.isLetter || $0.isNumber }
        }
        var folded = String.UnicodeScalarView()
        for scalar in name.decomposedStringWithCompatibilityMapping.unicodeScalars {
            if let letters = undecomposed[scalar] {
                folded.append(contentsOf: letters.unicodeScalars)
                continue
            }
            switch scalar.properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
                .letterNumber, .otherNumber, .spacingMark:
                folded.append(scalar)
            // Accents go; the vowel signs of other scripts and the marks of kana are letters to their readers.
            case .nonspacingMark where !isAccent(scalar): folded.append(scalar)
            default: break
            }
        }
        return NameRules.key(String(folded))
    }

    /// The same; nil when the name was made by a camera or a program, or says nothing but what kind of thing it is.
    package static func key(_ name: String, _ kind: Kind) -> String? {
        let folded = fold(name)
        let isGeneric =
            switch kind {
            case .performer, .studio, .tag: nobody.contains(folded)
            case .scene, .gallery, .group, .image: generic.contains(folded.filter { !$0.isNumber })
            }
        return folded.isEmpty || isGeneric ? nil : folded
    }

    /// The blocks of Unicode named "Combining Diacritical Marks", with their supplements and extensions.
    private static func isAccent(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0300...0x036F, 0x1AB0...0x1AFF, 0x1DC0...0x1DFF, 0x20D0...0x20FF, 0xFE20...0xFE2F: true
        default: false
        }
    }

    /// Letters that people write with and without their stroke, but that Unicode does not take apart.
    private static let undecomposed: [Unicode.Scalar: String] = [
        "ø": "o", "Ø": "o", "ł": "l", "Ł": "l", "đ": "d", "Đ": "d", "ħ": "h", "Ħ": "h", "ı": "i", "æ": "ae", "Æ": "ae",
        "œ": "oe", "Œ": "oe",
    ]

    private static let nobody: Set<String> = [
        "unknown", "anonymous", "none", "na", "untitled", "noname", "performer", "studio", "tag", "amateur",
    ]

    private static let generic: Set<String> = [
        "", "untitled", "notitle", "unknown", "scene", "video", "clip", "movie", "film", "part", "file", "new",
        "trailer",
        "gallery", "photo", "photos", "picture", "pictures", "image", "images", "group", "img", "dsc", "dscn", "dscf",
        "vid", "mov", "mvi", "pxl", "gopr", "gh", "gx", "dji",
    ]
}
