@testable import Stash

/// What servers of each release have of what PeekFS looks at, written down from the changes between releases
/// (Stash 2.3 and 2.4): the two recorded schemas are only the first and the last of them.
enum Generations {
    static let all = ["0.22", "0.23", "0.24", "0.25", "0.26", "0.27", "0.28", "0.29", "0.30"]

    private static let oldest: [String: String] = [
        "Query": """
        findScenes findImages findGalleries findPerformers findStudios findTags findMovies version systemStatus \
        configuration
        """,
        "Scene": """
        id updated_at created_at title code details director date rating100 organized interactive \
        interactive_speed o_counter play_count last_played_at resume_time play_duration url urls files captions \
        stash_ids studio performers tags galleries movies
        """,
        "Image": """
        id updated_at created_at title date rating100 organized o_counter url visual_files studio performers tags \
        galleries
        """,
        "Gallery": """
        id updated_at created_at title details date rating100 organized url files folder chapters studio \
        performers tags scenes
        """,
        "Performer": """
        id updated_at created_at name disambiguation alias_list gender birthdate death_date country details \
        rating100 favorite url twitter instagram stash_ids tags ethnicity eye_color hair_color height_cm weight \
        measurements fake_tits penis_length circumcised career_length tattoos piercings
        """,
        "Studio": "id updated_at created_at name aliases details rating100 url stash_ids parent_studio",
        "Tag": "id updated_at created_at name aliases description parents",
        "Movie": """
        id updated_at created_at name aliases duration date rating100 director synopsis url studio
        """,
        "VideoFile": "zip_file_id parent_folder_id format",
        "ImageFile": "zip_file_id parent_folder_id",
        "GalleryFile": "zip_file_id parent_folder_id",
        "SceneFilterType": "id updated_at is_missing",
    ]

    private static let changes: [String: [String: String]] = [
        "0.23": ["Image": "urls", "Gallery": "urls"],
        "0.24": ["Image": "code details photographer", "Gallery": "code photographer"],
        "0.26": ["Studio": "favorite", "Tag": "favorite"],
        "0.27": [
            "Query": "findGroups", "Scene": "groups", "Performer": "urls", "Studio": "tags",
            "Group": """
            id updated_at created_at name aliases duration date rating100 director synopsis urls studio tags \
            sub_groups
            """,
            "GroupFilterType": "updated_at is_missing",
        ],
        "0.28": ["Performer": "custom_fields", "Tag": "sort_name"],
        "0.29": [
            "Query": "findFiles findFolders", "VideoFile": "zip_file parent_folder",
            "ImageFile": "zip_file parent_folder format", "GalleryFile": "zip_file parent_folder",
        ],
        "0.30": ["Studio": "urls", "Tag": "stash_ids"],
    ]

    static func capabilities(_ version: String) -> Capabilities {
        var fields = oldest.mapValues(words)
        for step in all where step <= version {
            for (type, names) in changes[step] ?? [:] { fields[type, default: []].formUnion(words(names)) }
        }
        return Capabilities(fields: fields)
    }

    private static func words(_ text: String) -> Set<String> {
        Set(text.split(separator: " ").map(String.init))
    }
}
