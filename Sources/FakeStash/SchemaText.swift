/// What two generations of Stash let a client ask: names and types of the fields that a client touches, one type a line.
///
/// `type`, `input`, `enum`, `union`, `interface` or `scalar`, then the name, then `field(argument:Type):Type`; `~` marks a
/// deprecated field and `|Name` a possible type. Indented lines continue the one above. `scripts/check-wire` compares what
/// the server does with it to what real servers answered.
enum SchemaText {
    /// The schema of v0.22.1: movies, `rating`, no `ids` arguments.
    static let v22 = """
        type Query findSavedFilters(mode:FilterMode):[SavedFilter!]! findScene(id:ID,checksum:String):Scene
          findScenes(scene_filter:SceneFilterType, scene_ids:[Int!], filter:FindFilterType):FindScenesResultType!
          findSceneMarkers(scene_marker_filter:SceneMarkerFilterType, filter:FindFilterType):FindSceneMarkersResultType!
          findImage(id:ID,checksum:String):Image findImages(image_filter:ImageFilterType, image_ids:[Int!],
          filter:FindFilterType):FindImagesResultType! findPerformer(id:ID!):Performer
          findPerformers(performer_filter:PerformerFilterType,filter:FindFilterType):FindPerformersResultType!
          findStudio(id:ID!):Studio
          findStudios(studio_filter:StudioFilterType,filter:FindFilterType):FindStudiosResultType!
          findMovie(id:ID!):Movie findMovies(movie_filter:MovieFilterType,filter:FindFilterType):FindMoviesResultType!
          findGallery(id:ID!):Gallery
          findGalleries(gallery_filter:GalleryFilterType,filter:FindFilterType):FindGalleriesResultType!
          findTag(id:ID!):Tag findTags(tag_filter:TagFilterType,filter:FindFilterType):FindTagsResultType!
          stats:StatsResultType! configuration:ConfigResult! systemStatus:SystemStatus! jobQueue:[Job!] version:Version!
        type Mutation sceneUpdate(input:SceneUpdateInput!):Scene sceneDestroy(input:SceneDestroyInput!):Boolean!
          sceneIncrementO(id:ID!):Int! sceneDecrementO(id:ID!):Int! sceneResetO(id:ID!):Int!
          sceneSaveActivity(id:ID!,resume_time:Float,playDuration:Float):Boolean! sceneIncrementPlayCount(id:ID!):Int!
          imageUpdate(input:ImageUpdateInput!):Image imageDestroy(input:ImageDestroyInput!):Boolean!
          imageIncrementO(id:ID!):Int! imageDecrementO(id:ID!):Int! imageResetO(id:ID!):Int!
          galleryUpdate(input:GalleryUpdateInput!):Gallery galleryDestroy(input:GalleryDestroyInput!):Boolean!
          performerUpdate(input:PerformerUpdateInput!):Performer performerDestroy(input:PerformerDestroyInput!):Boolean!
          studioUpdate(input:StudioUpdateInput!):Studio studioDestroy(input:StudioDestroyInput!):Boolean!
          movieUpdate(input:MovieUpdateInput!):Movie movieDestroy(input:MovieDestroyInput!):Boolean!
          tagUpdate(input:TagUpdateInput!):Tag tagDestroy(input:TagDestroyInput!):Boolean!
          tagsMerge(input:TagsMergeInput!):Tag
        type SavedFilter id:ID! mode:FilterMode! name:String! filter:String!
        enum FilterMode SCENES PERFORMERS STUDIOS GALLERIES SCENE_MARKERS MOVIES TAGS IMAGES
        type Scene id:ID! checksum:String~ oshash:String~ title:String code:String details:String director:String
          url:String~ urls:[String!] date:String rating:Int~ rating100:Int organized:Boolean! o_counter:Int
          path:String!~ phash:String~ interactive:Boolean! interactive_speed:Int captions:[VideoCaption!]
          created_at:Time! updated_at:Time! file_mod_time:Time last_played_at:Time resume_time:Float play_duration:Float
          play_count:Int file:SceneFileType!~ files:[VideoFile!]! paths:ScenePathsType! scene_markers:[SceneMarker!]!
          galleries:[Gallery!]! studio:Studio movies:[SceneMovie!]! tags:[Tag!]! performers:[Performer!]!
          stash_ids:[StashID!]! sceneStreams:[SceneStreamEndpoint!]!
        type FindScenesResultType count:Int! duration:Float! filesize:Float! scenes:[Scene!]!
        input SceneFilterType AND:SceneFilterType OR:SceneFilterType NOT:SceneFilterType id:IntCriterionInput
          title:StringCriterionInput code:StringCriterionInput details:StringCriterionInput
          director:StringCriterionInput oshash:StringCriterionInput checksum:StringCriterionInput
          phash:StringCriterionInput phash_distance:PhashDistanceCriterionInput path:StringCriterionInput
          file_count:IntCriterionInput rating:IntCriterionInput rating100:IntCriterionInput organized:Boolean
          o_counter:IntCriterionInput duplicated:PHashDuplicationCriterionInput resolution:ResolutionCriterionInput
          video_codec:StringCriterionInput audio_codec:StringCriterionInput duration:IntCriterionInput
          has_markers:String is_missing:String studios:HierarchicalMultiCriterionInput movies:MultiCriterionInput
          tags:HierarchicalMultiCriterionInput tag_count:IntCriterionInput
          performer_tags:HierarchicalMultiCriterionInput performer_favorite:Boolean performer_age:IntCriterionInput
          performers:MultiCriterionInput performer_count:IntCriterionInput stash_id:StringCriterionInput
          stash_id_endpoint:StashIDCriterionInput url:StringCriterionInput interactive:Boolean
          interactive_speed:IntCriterionInput captions:StringCriterionInput resume_time:IntCriterionInput
          play_count:IntCriterionInput play_duration:IntCriterionInput date:DateCriterionInput
          created_at:TimestampCriterionInput updated_at:TimestampCriterionInput
        input FindFilterType q:String page:Int per_page:Int sort:String direction:SortDirectionEnum
        type FindSceneMarkersResultType count:Int! scene_markers:[SceneMarker!]!
        input SceneMarkerFilterType tag_id:ID tags:HierarchicalMultiCriterionInput
          scene_tags:HierarchicalMultiCriterionInput performers:MultiCriterionInput created_at:TimestampCriterionInput
          updated_at:TimestampCriterionInput scene_date:DateCriterionInput scene_created_at:TimestampCriterionInput
          scene_updated_at:TimestampCriterionInput
        type Image id:ID! checksum:String~ title:String rating:Int~ rating100:Int url:String date:String o_counter:Int
          organized:Boolean! path:String!~ created_at:Time! updated_at:Time! file_mod_time:Time~ file:ImageFileType!~
          files:[ImageFile!]!~ visual_files:[VisualFile!]! paths:ImagePathsType! galleries:[Gallery!]! studio:Studio
          tags:[Tag!]! performers:[Performer!]!
        type FindImagesResultType count:Int! megapixels:Float! filesize:Float! images:[Image!]!
        input ImageFilterType AND:ImageFilterType OR:ImageFilterType NOT:ImageFilterType title:StringCriterionInput
          id:IntCriterionInput checksum:StringCriterionInput path:StringCriterionInput file_count:IntCriterionInput
          rating:IntCriterionInput rating100:IntCriterionInput date:DateCriterionInput url:StringCriterionInput
          organized:Boolean o_counter:IntCriterionInput resolution:ResolutionCriterionInput is_missing:String
          studios:HierarchicalMultiCriterionInput tags:HierarchicalMultiCriterionInput tag_count:IntCriterionInput
          performer_tags:HierarchicalMultiCriterionInput performers:MultiCriterionInput
          performer_count:IntCriterionInput performer_favorite:Boolean galleries:MultiCriterionInput
          created_at:TimestampCriterionInput updated_at:TimestampCriterionInput
        type Performer id:ID! checksum:String~ name:String! disambiguation:String url:String gender:GenderEnum
          twitter:String instagram:String birthdate:String ethnicity:String country:String eye_color:String
          height:String~ height_cm:Int measurements:String fake_tits:String penis_length:Float
          circumcised:CircumisedEnum career_length:String tattoos:String piercings:String aliases:String~
          alias_list:[String!]! favorite:Boolean! tags:[Tag!]! ignore_auto_tag:Boolean! image_path:String
          scene_count:Int! image_count:Int! gallery_count:Int! movie_count:Int! performer_count:Int! o_counter:Int
          scenes:[Scene!]! stash_ids:[StashID!]! rating:Int~ rating100:Int details:String death_date:String
          hair_color:String weight:Int created_at:Time! updated_at:Time! movies:[Movie!]!
        type FindPerformersResultType count:Int! performers:[Performer!]!
        input PerformerFilterType AND:PerformerFilterType OR:PerformerFilterType NOT:PerformerFilterType
          name:StringCriterionInput disambiguation:StringCriterionInput details:StringCriterionInput
          filter_favorites:Boolean birth_year:IntCriterionInput age:IntCriterionInput ethnicity:StringCriterionInput
          country:StringCriterionInput eye_color:StringCriterionInput height:StringCriterionInput
          height_cm:IntCriterionInput measurements:StringCriterionInput fake_tits:StringCriterionInput
          penis_length:FloatCriterionInput circumcised:CircumcisionCriterionInput career_length:StringCriterionInput
          tattoos:StringCriterionInput piercings:StringCriterionInput aliases:StringCriterionInput
          gender:GenderCriterionInput is_missing:String tags:HierarchicalMultiCriterionInput tag_count:IntCriterionInput
          scene_count:IntCriterionInput image_count:IntCriterionInput gallery_count:IntCriterionInput
          o_counter:IntCriterionInput stash_id:StringCriterionInput stash_id_endpoint:StashIDCriterionInput
          rating:IntCriterionInput rating100:IntCriterionInput url:StringCriterionInput hair_color:StringCriterionInput
          weight:IntCriterionInput death_year:IntCriterionInput studios:HierarchicalMultiCriterionInput
          performers:MultiCriterionInput ignore_auto_tag:Boolean birthdate:DateCriterionInput
          death_date:DateCriterionInput created_at:TimestampCriterionInput updated_at:TimestampCriterionInput
        type Studio id:ID! name:String! checksum:String!~ url:String parent_studio:Studio child_studios:[Studio!]!
          aliases:[String!]! ignore_auto_tag:Boolean! image_path:String scene_count(depth:Int):Int!
          image_count(depth:Int):Int! gallery_count(depth:Int):Int! performer_count(depth:Int):Int!
          movie_count(depth:Int):Int! stash_ids:[StashID!]! rating:Int~ rating100:Int details:String created_at:Time!
          updated_at:Time! movies:[Movie!]!
        type FindStudiosResultType count:Int! studios:[Studio!]!
        input StudioFilterType AND:StudioFilterType OR:StudioFilterType NOT:StudioFilterType name:StringCriterionInput
          details:StringCriterionInput parents:MultiCriterionInput stash_id:StringCriterionInput
          stash_id_endpoint:StashIDCriterionInput is_missing:String rating:IntCriterionInput rating100:IntCriterionInput
          scene_count:IntCriterionInput image_count:IntCriterionInput gallery_count:IntCriterionInput
          url:StringCriterionInput aliases:StringCriterionInput ignore_auto_tag:Boolean
          created_at:TimestampCriterionInput updated_at:TimestampCriterionInput
        type Movie id:ID! name:String! checksum:String!~ aliases:String duration:Int date:String rating:Int~
          rating100:Int studio:Studio director:String synopsis:String url:String created_at:Time! updated_at:Time!
          front_image_path:String back_image_path:String scene_count:Int! scenes:[Scene!]!
        type FindMoviesResultType count:Int! movies:[Movie!]!
        input MovieFilterType name:StringCriterionInput director:StringCriterionInput synopsis:StringCriterionInput
          duration:IntCriterionInput rating:IntCriterionInput rating100:IntCriterionInput
          studios:HierarchicalMultiCriterionInput is_missing:String url:StringCriterionInput
          performers:MultiCriterionInput date:DateCriterionInput created_at:TimestampCriterionInput
          updated_at:TimestampCriterionInput
        type Gallery id:ID! checksum:String!~ path:String~ title:String url:String date:String details:String
          rating:Int~ rating100:Int organized:Boolean! created_at:Time! updated_at:Time! file_mod_time:Time~
          files:[GalleryFile!]! folder:Folder chapters:[GalleryChapter!]! scenes:[Scene!]! studio:Studio
          image_count:Int! tags:[Tag!]! performers:[Performer!]! images:[Image!]!~ cover:Image
        type FindGalleriesResultType count:Int! galleries:[Gallery!]!
        input GalleryFilterType AND:GalleryFilterType OR:GalleryFilterType NOT:GalleryFilterType id:IntCriterionInput
          title:StringCriterionInput details:StringCriterionInput checksum:StringCriterionInput
          path:StringCriterionInput file_count:IntCriterionInput is_missing:String is_zip:Boolean
          rating:IntCriterionInput rating100:IntCriterionInput organized:Boolean
          average_resolution:ResolutionCriterionInput has_chapters:String studios:HierarchicalMultiCriterionInput
          tags:HierarchicalMultiCriterionInput tag_count:IntCriterionInput
          performer_tags:HierarchicalMultiCriterionInput performers:MultiCriterionInput
          performer_count:IntCriterionInput performer_favorite:Boolean performer_age:IntCriterionInput
          image_count:IntCriterionInput url:StringCriterionInput date:DateCriterionInput
          created_at:TimestampCriterionInput updated_at:TimestampCriterionInput
        type Tag id:ID! name:String! description:String aliases:[String!]! ignore_auto_tag:Boolean! created_at:Time!
          updated_at:Time! image_path:String scene_count(depth:Int):Int! scene_marker_count(depth:Int):Int!
          image_count(depth:Int):Int! gallery_count(depth:Int):Int! performer_count(depth:Int):Int! parents:[Tag!]!
          children:[Tag!]!
        type FindTagsResultType count:Int! tags:[Tag!]!
        input TagFilterType AND:TagFilterType OR:TagFilterType NOT:TagFilterType name:StringCriterionInput
          aliases:StringCriterionInput description:StringCriterionInput is_missing:String scene_count:IntCriterionInput
          image_count:IntCriterionInput gallery_count:IntCriterionInput performer_count:IntCriterionInput
          marker_count:IntCriterionInput parents:HierarchicalMultiCriterionInput
          children:HierarchicalMultiCriterionInput parent_count:IntCriterionInput child_count:IntCriterionInput
          ignore_auto_tag:Boolean created_at:TimestampCriterionInput updated_at:TimestampCriterionInput
        type StatsResultType scene_count:Int! scenes_size:Float! scenes_duration:Float! image_count:Int!
          images_size:Float! gallery_count:Int! performer_count:Int! studio_count:Int! movie_count:Int! tag_count:Int!
          total_o_count:Int! total_play_duration:Float! total_play_count:Int! scenes_played:Int!
        type ConfigResult general:ConfigGeneralResult!
        type SystemStatus databaseSchema:Int databasePath:String configPath:String appSchema:Int!
          status:SystemStatusEnum!
        type Job id:ID! status:JobStatus! subTasks:[String!] description:String! progress:Float startTime:Time
          endTime:Time addTime:Time!
        type Version version:String hash:String! build_time:String!
        input SceneUpdateInput clientMutationId:String id:ID! title:String code:String details:String director:String
          url:String urls:[String!] date:String rating:Int rating100:Int o_counter:Int organized:Boolean studio_id:ID
          gallery_ids:[ID!] performer_ids:[ID!] movies:[SceneMovieInput!] tag_ids:[ID!] cover_image:String
          stash_ids:[StashIDInput!] resume_time:Float play_duration:Float play_count:Int primary_file_id:ID
        input SceneDestroyInput id:ID! delete_file:Boolean delete_generated:Boolean
        input ImageUpdateInput clientMutationId:String id:ID! title:String rating:Int rating100:Int organized:Boolean
          url:String date:String studio_id:ID performer_ids:[ID!] tag_ids:[ID!] gallery_ids:[ID!] primary_file_id:ID
        input ImageDestroyInput id:ID! delete_file:Boolean delete_generated:Boolean
        input GalleryUpdateInput clientMutationId:String id:ID! title:String url:String date:String details:String
          rating:Int rating100:Int organized:Boolean scene_ids:[ID!] studio_id:ID tag_ids:[ID!] performer_ids:[ID!]
          primary_file_id:ID
        input GalleryDestroyInput ids:[ID!]! delete_file:Boolean delete_generated:Boolean
        input PerformerUpdateInput id:ID! name:String disambiguation:String url:String gender:GenderEnum
          birthdate:String ethnicity:String country:String eye_color:String height:String height_cm:Int
          measurements:String fake_tits:String penis_length:Float circumcised:CircumisedEnum career_length:String
          tattoos:String piercings:String aliases:String alias_list:[String!] twitter:String instagram:String
          favorite:Boolean tag_ids:[ID!] image:String stash_ids:[StashIDInput!] rating:Int rating100:Int details:String
          death_date:String hair_color:String weight:Int ignore_auto_tag:Boolean
        input PerformerDestroyInput id:ID!
        input StudioUpdateInput id:ID! name:String url:String parent_id:ID image:String stash_ids:[StashIDInput!]
          rating:Int rating100:Int details:String aliases:[String!] ignore_auto_tag:Boolean
        input StudioDestroyInput id:ID!
        input MovieUpdateInput id:ID! name:String aliases:String duration:Int date:String rating:Int rating100:Int
          studio_id:ID director:String synopsis:String url:String front_image:String back_image:String
        input MovieDestroyInput id:ID!
        input TagUpdateInput id:ID! name:String description:String aliases:[String!] ignore_auto_tag:Boolean
          image:String parent_ids:[ID!] child_ids:[ID!]
        input TagDestroyInput id:ID!
        input TagsMergeInput source:[ID!]! destination:ID!
        type VideoCaption language_code:String! caption_type:String!
        scalar Time
        type SceneFileType size:String duration:Float video_codec:String audio_codec:String width:Int height:Int
          framerate:Float bitrate:Int
        type VideoFile id:ID! path:String! basename:String! parent_folder_id:ID! zip_file_id:ID mod_time:Time!
          size:Int64! fingerprints:[Fingerprint!]! format:String! width:Int! height:Int! duration:Float!
          video_codec:String! audio_codec:String! frame_rate:Float! bit_rate:Int! created_at:Time! updated_at:Time!
        type ScenePathsType screenshot:String preview:String stream:String webp:String vtt:String chapters_vtt:String~
          sprite:String funscript:String interactive_heatmap:String caption:String
        type SceneMarker id:ID! scene:Scene! title:String! seconds:Float! primary_tag:Tag! tags:[Tag!]! created_at:Time!
          updated_at:Time! stream:String! preview:String! screenshot:String!
        type SceneMovie movie:Movie! scene_index:Int
        type StashID endpoint:String! stash_id:String!
        type SceneStreamEndpoint url:String! mime_type:String label:String
        input IntCriterionInput value:Int! value2:Int modifier:CriterionModifier!
        input StringCriterionInput value:String! modifier:CriterionModifier!
        input PhashDistanceCriterionInput value:String! modifier:CriterionModifier! distance:Int
        input PHashDuplicationCriterionInput duplicated:Boolean distance:Int
        input ResolutionCriterionInput value:ResolutionEnum! modifier:CriterionModifier!
        input HierarchicalMultiCriterionInput value:[ID!] modifier:CriterionModifier! depth:Int excludes:[ID!]
        input MultiCriterionInput value:[ID!] modifier:CriterionModifier! excludes:[ID!]
        input StashIDCriterionInput endpoint:String stash_id:String modifier:CriterionModifier!
        input DateCriterionInput value:String! value2:String modifier:CriterionModifier!
        input TimestampCriterionInput value:String! value2:String modifier:CriterionModifier!
        enum SortDirectionEnum ASC DESC
        type ImageFileType mod_time:Time! size:Int! width:Int! height:Int!
        type ImageFile id:ID! path:String! basename:String! parent_folder_id:ID! zip_file_id:ID mod_time:Time!
          size:Int64! fingerprints:[Fingerprint!]! width:Int! height:Int! created_at:Time! updated_at:Time!
        union VisualFile |VideoFile |ImageFile
        type ImagePathsType thumbnail:String preview:String image:String
        enum GenderEnum MALE FEMALE TRANSGENDER_MALE TRANSGENDER_FEMALE INTERSEX NON_BINARY
        enum CircumisedEnum CUT UNCUT
        input FloatCriterionInput value:Float! value2:Float modifier:CriterionModifier!
        input CircumcisionCriterionInput value:[CircumisedEnum!] modifier:CriterionModifier!
        input GenderCriterionInput value:GenderEnum modifier:CriterionModifier!
        type GalleryFile id:ID! path:String! basename:String! parent_folder_id:ID! zip_file_id:ID mod_time:Time!
          size:Int64! fingerprints:[Fingerprint!]! created_at:Time! updated_at:Time!
        type Folder id:ID! path:String! parent_folder_id:ID zip_file_id:ID mod_time:Time! created_at:Time!
          updated_at:Time!
        type GalleryChapter id:ID! gallery:Gallery! title:String! image_index:Int! created_at:Time! updated_at:Time!
        type ConfigGeneralResult stashes:[StashConfig!]! databasePath:String! generatedPath:String!
          calculateMD5:Boolean! parallelTasks:Int! videoExtensions:[String!]! imageExtensions:[String!]!
          galleryExtensions:[String!]! createGalleriesFromFolders:Boolean!
        enum SystemStatusEnum SETUP NEEDS_MIGRATION OK
        enum JobStatus READY RUNNING FINISHED STOPPING CANCELLED
        input SceneMovieInput movie_id:ID! scene_index:Int
        input StashIDInput endpoint:String! stash_id:String!
        scalar Int64
        type Fingerprint type:String! value:String!
        enum CriterionModifier EQUALS NOT_EQUALS GREATER_THAN LESS_THAN IS_NULL NOT_NULL INCLUDES_ALL INCLUDES EXCLUDES
          MATCHES_REGEX NOT_MATCHES_REGEX BETWEEN NOT_BETWEEN
        enum ResolutionEnum VERY_LOW LOW R360P STANDARD WEB_HD STANDARD_HD FULL_HD QUAD_HD VR_HD FOUR_K FIVE_K SIX_K
          SEVEN_K EIGHT_K HUGE
        type StashConfig path:String! excludeVideo:Boolean! excludeImage:Boolean!
        """

    /// The schema of v0.30.1: groups, histories, files and folders.
    static let v30 = """
        type Query findSavedFilters(mode:FilterMode):[SavedFilter!]! findFile(id:ID,path:String):BaseFile!
          findFiles(file_filter:FileFilterType,filter:FindFilterType,ids:[ID!]):FindFilesResultType!
          findFolder(id:ID,path:String):Folder!
          findFolders(folder_filter:FolderFilterType,filter:FindFilterType,ids:[ID!]):FindFoldersResultType!
          findScene(id:ID,checksum:String):Scene findScenes(scene_filter:SceneFilterType, scene_ids:[Int!], ids:[ID!],
          filter:FindFilterType):FindScenesResultType! findSceneMarkers(scene_marker_filter:SceneMarkerFilterType,
          filter:FindFilterType, ids:[ID!]):FindSceneMarkersResultType! findImage(id:ID,checksum:String):Image
          findImages(image_filter:ImageFilterType, image_ids:[Int!], ids:[ID!],
          filter:FindFilterType):FindImagesResultType! findPerformer(id:ID!):Performer
          findPerformers(performer_filter:PerformerFilterType, filter:FindFilterType, performer_ids:[Int!],
          ids:[ID!]):FindPerformersResultType! findStudio(id:ID!):Studio
          findStudios(studio_filter:StudioFilterType,filter:FindFilterType,ids:[ID!]):FindStudiosResultType!
          findMovie(id:ID!):Movie~
          findMovies(movie_filter:MovieFilterType,filter:FindFilterType,ids:[ID!]):FindMoviesResultType!~
          findGroup(id:ID!):Group
          findGroups(group_filter:GroupFilterType,filter:FindFilterType,ids:[ID!]):FindGroupsResultType!
          findGallery(id:ID!):Gallery findGalleries(gallery_filter:GalleryFilterType, filter:FindFilterType,
          ids:[ID!]):FindGalleriesResultType! findTag(id:ID!):Tag
          findTags(tag_filter:TagFilterType,filter:FindFilterType,ids:[ID!]):FindTagsResultType! stats:StatsResultType!
          configuration:ConfigResult! systemStatus:SystemStatus! jobQueue:[Job!] version:Version!
        type Mutation sceneUpdate(input:SceneUpdateInput!):Scene sceneDestroy(input:SceneDestroyInput!):Boolean!
          sceneIncrementO(id:ID!):Int!~ sceneDecrementO(id:ID!):Int!~
          sceneAddO(id:ID!,times:[Timestamp!]):HistoryMutationResult!
          sceneDeleteO(id:ID!,times:[Timestamp!]):HistoryMutationResult! sceneResetO(id:ID!):Int!
          sceneSaveActivity(id:ID!,resume_time:Float,playDuration:Float):Boolean!
          sceneResetActivity(id:ID!,reset_resume:Boolean,reset_duration:Boolean):Boolean!
          sceneIncrementPlayCount(id:ID!):Int!~ sceneAddPlay(id:ID!,times:[Timestamp!]):HistoryMutationResult!
          sceneDeletePlay(id:ID!,times:[Timestamp!]):HistoryMutationResult! sceneResetPlayCount(id:ID!):Int!
          imageUpdate(input:ImageUpdateInput!):Image imageDestroy(input:ImageDestroyInput!):Boolean!
          imageIncrementO(id:ID!):Int! imageDecrementO(id:ID!):Int! imageResetO(id:ID!):Int!
          galleryUpdate(input:GalleryUpdateInput!):Gallery galleryDestroy(input:GalleryDestroyInput!):Boolean!
          performerUpdate(input:PerformerUpdateInput!):Performer performerDestroy(input:PerformerDestroyInput!):Boolean!
          studioUpdate(input:StudioUpdateInput!):Studio studioDestroy(input:StudioDestroyInput!):Boolean!
          movieUpdate(input:MovieUpdateInput!):Movie~ movieDestroy(input:MovieDestroyInput!):Boolean!~
          groupUpdate(input:GroupUpdateInput!):Group groupDestroy(input:GroupDestroyInput!):Boolean!
          tagUpdate(input:TagUpdateInput!):Tag tagDestroy(input:TagDestroyInput!):Boolean!
          tagsMerge(input:TagsMergeInput!):Tag
        type SavedFilter id:ID! mode:FilterMode! name:String! filter:String!~ find_filter:SavedFindFilterType
          object_filter:Map ui_options:Map
        enum FilterMode SCENES PERFORMERS STUDIOS GALLERIES SCENE_MARKERS MOVIES GROUPS TAGS IMAGES
        interface BaseFile |BasicFile |VideoFile |ImageFile |GalleryFile id:ID! path:String! basename:String!
          parent_folder_id:ID!~ zip_file_id:ID~ parent_folder:Folder! zip_file:BasicFile mod_time:Time! size:Int64!
          fingerprint(type:String!):String fingerprints:[Fingerprint!]! created_at:Time! updated_at:Time!
        type FindFilesResultType count:Int! megapixels:Float! duration:Float! size:Int! files:[BaseFile!]!
        input FileFilterType AND:FileFilterType OR:FileFilterType NOT:FileFilterType path:StringCriterionInput
          basename:StringCriterionInput dir:StringCriterionInput parent_folder:HierarchicalMultiCriterionInput
          zip_file:MultiCriterionInput mod_time:TimestampCriterionInput duplicated:PHashDuplicationCriterionInput
          hashes:[FingerprintFilterInput!] video_file_filter:VideoFileFilterInput image_file_filter:ImageFileFilterInput
          scene_count:IntCriterionInput image_count:IntCriterionInput gallery_count:IntCriterionInput
          scenes_filter:SceneFilterType images_filter:ImageFilterType galleries_filter:GalleryFilterType
          created_at:TimestampCriterionInput updated_at:TimestampCriterionInput
        input FindFilterType q:String page:Int per_page:Int sort:String direction:SortDirectionEnum
        type Folder id:ID! path:String! parent_folder_id:ID~ zip_file_id:ID~ parent_folder:Folder zip_file:BasicFile
          mod_time:Time! created_at:Time! updated_at:Time!
        type FindFoldersResultType count:Int! folders:[Folder!]!
        input FolderFilterType AND:FolderFilterType OR:FolderFilterType NOT:FolderFilterType path:StringCriterionInput
          parent_folder:HierarchicalMultiCriterionInput zip_file:MultiCriterionInput mod_time:TimestampCriterionInput
          gallery_count:IntCriterionInput files_filter:FileFilterType galleries_filter:GalleryFilterType
          created_at:TimestampCriterionInput updated_at:TimestampCriterionInput
        type Scene id:ID! title:String code:String details:String director:String url:String~ urls:[String!]!
          date:String rating100:Int organized:Boolean! o_counter:Int interactive:Boolean! interactive_speed:Int
          captions:[VideoCaption!] created_at:Time! updated_at:Time! last_played_at:Time resume_time:Float
          play_duration:Float play_count:Int play_history:[Time!]! o_history:[Time!]! files:[VideoFile!]!
          paths:ScenePathsType! scene_markers:[SceneMarker!]! galleries:[Gallery!]! studio:Studio groups:[SceneGroup!]!
          movies:[SceneMovie!]!~ tags:[Tag!]! performers:[Performer!]! stash_ids:[StashID!]!
          sceneStreams:[SceneStreamEndpoint!]!
        type FindScenesResultType count:Int! duration:Float! filesize:Float! scenes:[Scene!]!
        input SceneFilterType AND:SceneFilterType OR:SceneFilterType NOT:SceneFilterType id:IntCriterionInput
          title:StringCriterionInput code:StringCriterionInput details:StringCriterionInput
          director:StringCriterionInput oshash:StringCriterionInput checksum:StringCriterionInput
          phash:StringCriterionInput phash_distance:PhashDistanceCriterionInput path:StringCriterionInput
          file_count:IntCriterionInput rating100:IntCriterionInput organized:Boolean o_counter:IntCriterionInput
          duplicated:PHashDuplicationCriterionInput resolution:ResolutionCriterionInput
          orientation:OrientationCriterionInput framerate:IntCriterionInput bitrate:IntCriterionInput
          video_codec:StringCriterionInput audio_codec:StringCriterionInput duration:IntCriterionInput
          has_markers:String is_missing:String studios:HierarchicalMultiCriterionInput movies:MultiCriterionInput
          groups:HierarchicalMultiCriterionInput galleries:MultiCriterionInput tags:HierarchicalMultiCriterionInput
          tag_count:IntCriterionInput performer_tags:HierarchicalMultiCriterionInput performer_favorite:Boolean
          performer_age:IntCriterionInput performers:MultiCriterionInput performer_count:IntCriterionInput
          stash_id_endpoint:StashIDCriterionInput url:StringCriterionInput interactive:Boolean
          interactive_speed:IntCriterionInput captions:StringCriterionInput resume_time:IntCriterionInput
          play_count:IntCriterionInput play_duration:IntCriterionInput last_played_at:TimestampCriterionInput
          date:DateCriterionInput created_at:TimestampCriterionInput updated_at:TimestampCriterionInput
          galleries_filter:GalleryFilterType performers_filter:PerformerFilterType studios_filter:StudioFilterType
          tags_filter:TagFilterType movies_filter:MovieFilterType groups_filter:GroupFilterType
          markers_filter:SceneMarkerFilterType files_filter:FileFilterType
        type FindSceneMarkersResultType count:Int! scene_markers:[SceneMarker!]!
        input SceneMarkerFilterType tags:HierarchicalMultiCriterionInput scene_tags:HierarchicalMultiCriterionInput
          performers:MultiCriterionInput scenes:MultiCriterionInput duration:FloatCriterionInput
          created_at:TimestampCriterionInput updated_at:TimestampCriterionInput scene_date:DateCriterionInput
          scene_created_at:TimestampCriterionInput scene_updated_at:TimestampCriterionInput scene_filter:SceneFilterType
        type Image id:ID! title:String code:String rating100:Int url:String~ urls:[String!]! date:String details:String
          photographer:String o_counter:Int organized:Boolean! created_at:Time! updated_at:Time! files:[ImageFile!]!~
          visual_files:[VisualFile!]! paths:ImagePathsType! galleries:[Gallery!]! studio:Studio tags:[Tag!]!
          performers:[Performer!]!
        type FindImagesResultType count:Int! megapixels:Float! filesize:Float! images:[Image!]!
        input ImageFilterType AND:ImageFilterType OR:ImageFilterType NOT:ImageFilterType title:StringCriterionInput
          details:StringCriterionInput id:IntCriterionInput checksum:StringCriterionInput path:StringCriterionInput
          file_count:IntCriterionInput rating100:IntCriterionInput date:DateCriterionInput url:StringCriterionInput
          organized:Boolean o_counter:IntCriterionInput resolution:ResolutionCriterionInput
          orientation:OrientationCriterionInput is_missing:String studios:HierarchicalMultiCriterionInput
          tags:HierarchicalMultiCriterionInput tag_count:IntCriterionInput
          performer_tags:HierarchicalMultiCriterionInput performers:MultiCriterionInput
          performer_count:IntCriterionInput performer_favorite:Boolean performer_age:IntCriterionInput
          galleries:MultiCriterionInput created_at:TimestampCriterionInput updated_at:TimestampCriterionInput
          code:StringCriterionInput photographer:StringCriterionInput galleries_filter:GalleryFilterType
          performers_filter:PerformerFilterType studios_filter:StudioFilterType tags_filter:TagFilterType
          files_filter:FileFilterType
        type Performer id:ID! name:String! disambiguation:String url:String~ urls:[String!] gender:GenderEnum
          twitter:String~ instagram:String~ birthdate:String ethnicity:String country:String eye_color:String
          height_cm:Int measurements:String fake_tits:String penis_length:Float circumcised:CircumisedEnum
          career_length:String tattoos:String piercings:String alias_list:[String!]! favorite:Boolean! tags:[Tag!]!
          ignore_auto_tag:Boolean! image_path:String scene_count:Int! image_count:Int! gallery_count:Int!
          group_count:Int! movie_count:Int!~ performer_count:Int! o_counter:Int scenes:[Scene!]! stash_ids:[StashID!]!
          rating100:Int details:String death_date:String hair_color:String weight:Int created_at:Time! updated_at:Time!
          groups:[Group!]! movies:[Movie!]!~ custom_fields:Map!
        type FindPerformersResultType count:Int! performers:[Performer!]!
        input PerformerFilterType AND:PerformerFilterType OR:PerformerFilterType NOT:PerformerFilterType
          name:StringCriterionInput disambiguation:StringCriterionInput details:StringCriterionInput
          filter_favorites:Boolean birth_year:IntCriterionInput age:IntCriterionInput ethnicity:StringCriterionInput
          country:StringCriterionInput eye_color:StringCriterionInput height_cm:IntCriterionInput
          measurements:StringCriterionInput fake_tits:StringCriterionInput penis_length:FloatCriterionInput
          circumcised:CircumcisionCriterionInput career_length:StringCriterionInput tattoos:StringCriterionInput
          piercings:StringCriterionInput aliases:StringCriterionInput gender:GenderCriterionInput is_missing:String
          tags:HierarchicalMultiCriterionInput tag_count:IntCriterionInput scene_count:IntCriterionInput
          image_count:IntCriterionInput gallery_count:IntCriterionInput play_count:IntCriterionInput
          o_counter:IntCriterionInput stash_id_endpoint:StashIDCriterionInput rating100:IntCriterionInput
          url:StringCriterionInput hair_color:StringCriterionInput weight:IntCriterionInput death_year:IntCriterionInput
          studios:HierarchicalMultiCriterionInput groups:HierarchicalMultiCriterionInput performers:MultiCriterionInput
          ignore_auto_tag:Boolean birthdate:DateCriterionInput death_date:DateCriterionInput
          scenes_filter:SceneFilterType images_filter:ImageFilterType galleries_filter:GalleryFilterType
          tags_filter:TagFilterType created_at:TimestampCriterionInput updated_at:TimestampCriterionInput
          custom_fields:[CustomFieldCriterionInput!]
        type Studio id:ID! name:String! url:String~ urls:[String!]! parent_studio:Studio child_studios:[Studio!]!
          aliases:[String!]! tags:[Tag!]! ignore_auto_tag:Boolean! image_path:String scene_count(depth:Int):Int!
          image_count(depth:Int):Int! gallery_count(depth:Int):Int! performer_count(depth:Int):Int!
          group_count(depth:Int):Int! movie_count(depth:Int):Int!~ stash_ids:[StashID!]! rating100:Int favorite:Boolean!
          details:String created_at:Time! updated_at:Time! groups:[Group!]! movies:[Movie!]!~ o_counter:Int
        type FindStudiosResultType count:Int! studios:[Studio!]!
        input StudioFilterType AND:StudioFilterType OR:StudioFilterType NOT:StudioFilterType name:StringCriterionInput
          details:StringCriterionInput parents:MultiCriterionInput stash_id_endpoint:StashIDCriterionInput
          tags:HierarchicalMultiCriterionInput is_missing:String rating100:IntCriterionInput favorite:Boolean
          scene_count:IntCriterionInput image_count:IntCriterionInput gallery_count:IntCriterionInput
          tag_count:IntCriterionInput url:StringCriterionInput aliases:StringCriterionInput
          child_count:IntCriterionInput ignore_auto_tag:Boolean scenes_filter:SceneFilterType
          images_filter:ImageFilterType galleries_filter:GalleryFilterType created_at:TimestampCriterionInput
          updated_at:TimestampCriterionInput
        type Movie id:ID! name:String! aliases:String duration:Int date:String rating100:Int studio:Studio
          director:String synopsis:String url:String~ urls:[String!]! tags:[Tag!]! created_at:Time! updated_at:Time!
          front_image_path:String back_image_path:String scene_count(depth:Int):Int! scenes:[Scene!]!
        type FindMoviesResultType count:Int! movies:[Movie!]!
        input MovieFilterType AND:MovieFilterType OR:MovieFilterType NOT:MovieFilterType name:StringCriterionInput
          director:StringCriterionInput synopsis:StringCriterionInput duration:IntCriterionInput
          rating100:IntCriterionInput studios:HierarchicalMultiCriterionInput is_missing:String url:StringCriterionInput
          performers:MultiCriterionInput tags:HierarchicalMultiCriterionInput tag_count:IntCriterionInput
          date:DateCriterionInput created_at:TimestampCriterionInput updated_at:TimestampCriterionInput
          scenes_filter:SceneFilterType studios_filter:StudioFilterType
        type Group id:ID! name:String! aliases:String duration:Int date:String rating100:Int studio:Studio
          director:String synopsis:String urls:[String!]! tags:[Tag!]! created_at:Time! updated_at:Time!
          containing_groups:[GroupDescription!]! sub_groups:[GroupDescription!]! front_image_path:String
          back_image_path:String scene_count(depth:Int):Int! performer_count(depth:Int):Int!
          sub_group_count(depth:Int):Int! scenes:[Scene!]! o_counter:Int
        type FindGroupsResultType count:Int! groups:[Group!]!
        input GroupFilterType AND:GroupFilterType OR:GroupFilterType NOT:GroupFilterType name:StringCriterionInput
          director:StringCriterionInput synopsis:StringCriterionInput duration:IntCriterionInput
          rating100:IntCriterionInput studios:HierarchicalMultiCriterionInput is_missing:String url:StringCriterionInput
          performers:MultiCriterionInput tags:HierarchicalMultiCriterionInput tag_count:IntCriterionInput
          date:DateCriterionInput created_at:TimestampCriterionInput updated_at:TimestampCriterionInput
          o_counter:IntCriterionInput containing_groups:HierarchicalMultiCriterionInput
          sub_groups:HierarchicalMultiCriterionInput containing_group_count:IntCriterionInput
          sub_group_count:IntCriterionInput scenes_filter:SceneFilterType studios_filter:StudioFilterType
        type Gallery id:ID! title:String code:String url:String~ urls:[String!]! date:String details:String
          photographer:String rating100:Int organized:Boolean! created_at:Time! updated_at:Time! files:[GalleryFile!]!
          folder:Folder chapters:[GalleryChapter!]! scenes:[Scene!]! studio:Studio image_count:Int! tags:[Tag!]!
          performers:[Performer!]! cover:Image paths:GalleryPathsType! image(index:Int!):Image!
        type FindGalleriesResultType count:Int! galleries:[Gallery!]!
        input GalleryFilterType AND:GalleryFilterType OR:GalleryFilterType NOT:GalleryFilterType id:IntCriterionInput
          title:StringCriterionInput details:StringCriterionInput checksum:StringCriterionInput
          path:StringCriterionInput file_count:IntCriterionInput is_missing:String is_zip:Boolean
          rating100:IntCriterionInput organized:Boolean average_resolution:ResolutionCriterionInput has_chapters:String
          scenes:MultiCriterionInput studios:HierarchicalMultiCriterionInput tags:HierarchicalMultiCriterionInput
          tag_count:IntCriterionInput performer_tags:HierarchicalMultiCriterionInput performers:MultiCriterionInput
          performer_count:IntCriterionInput performer_favorite:Boolean performer_age:IntCriterionInput
          image_count:IntCriterionInput url:StringCriterionInput date:DateCriterionInput
          created_at:TimestampCriterionInput updated_at:TimestampCriterionInput code:StringCriterionInput
          photographer:StringCriterionInput scenes_filter:SceneFilterType images_filter:ImageFilterType
          performers_filter:PerformerFilterType studios_filter:StudioFilterType tags_filter:TagFilterType
          files_filter:FileFilterType folders_filter:FolderFilterType
        type Tag id:ID! name:String! sort_name:String description:String aliases:[String!]! ignore_auto_tag:Boolean!
          created_at:Time! updated_at:Time! favorite:Boolean! stash_ids:[StashID!]! image_path:String
          scene_count(depth:Int):Int! scene_marker_count(depth:Int):Int! image_count(depth:Int):Int!
          gallery_count(depth:Int):Int! performer_count(depth:Int):Int! studio_count(depth:Int):Int!
          group_count(depth:Int):Int! movie_count(depth:Int):Int!~ parents:[Tag!]! children:[Tag!]! parent_count:Int!
          child_count:Int!
        type FindTagsResultType count:Int! tags:[Tag!]!
        input TagFilterType AND:TagFilterType OR:TagFilterType NOT:TagFilterType name:StringCriterionInput
          sort_name:StringCriterionInput aliases:StringCriterionInput favorite:Boolean description:StringCriterionInput
          is_missing:String scene_count:IntCriterionInput image_count:IntCriterionInput gallery_count:IntCriterionInput
          performer_count:IntCriterionInput studio_count:IntCriterionInput movie_count:IntCriterionInput
          group_count:IntCriterionInput marker_count:IntCriterionInput parents:HierarchicalMultiCriterionInput
          children:HierarchicalMultiCriterionInput parent_count:IntCriterionInput child_count:IntCriterionInput
          ignore_auto_tag:Boolean stash_id_endpoint:StashIDCriterionInput scenes_filter:SceneFilterType
          images_filter:ImageFilterType galleries_filter:GalleryFilterType created_at:TimestampCriterionInput
          updated_at:TimestampCriterionInput
        type StatsResultType scene_count:Int! scenes_size:Float! scenes_duration:Float! image_count:Int!
          images_size:Float! gallery_count:Int! performer_count:Int! studio_count:Int! group_count:Int!
          movie_count:Int!~ tag_count:Int! total_o_count:Int! total_play_duration:Float! total_play_count:Int!
          scenes_played:Int!
        type ConfigResult general:ConfigGeneralResult!
        type SystemStatus databaseSchema:Int databasePath:String configPath:String appSchema:Int!
          status:SystemStatusEnum! os:String! workingDir:String! homeDir:String! ffmpegPath:String ffprobePath:String
        type Job id:ID! status:JobStatus! subTasks:[String!] description:String! progress:Float startTime:Time
          endTime:Time addTime:Time! error:String
        type Version version:String hash:String! build_time:String!
        input SceneUpdateInput clientMutationId:String id:ID! title:String code:String details:String director:String
          url:String urls:[String!] date:String rating100:Int o_counter:Int organized:Boolean studio_id:ID
          gallery_ids:[ID!] performer_ids:[ID!] groups:[SceneGroupInput!] movies:[SceneMovieInput!] tag_ids:[ID!]
          cover_image:String stash_ids:[StashIDInput!] resume_time:Float play_duration:Float play_count:Int
          primary_file_id:ID
        input SceneDestroyInput id:ID! delete_file:Boolean delete_generated:Boolean
        type HistoryMutationResult count:Int! history:[Time!]!
        scalar Timestamp
        input ImageUpdateInput clientMutationId:String id:ID! title:String code:String rating100:Int organized:Boolean
          url:String urls:[String!] date:String details:String photographer:String studio_id:ID performer_ids:[ID!]
          tag_ids:[ID!] gallery_ids:[ID!] primary_file_id:ID
        input ImageDestroyInput id:ID! delete_file:Boolean delete_generated:Boolean
        input GalleryUpdateInput clientMutationId:String id:ID! title:String code:String url:String urls:[String!]
          date:String details:String photographer:String rating100:Int organized:Boolean scene_ids:[ID!] studio_id:ID
          tag_ids:[ID!] performer_ids:[ID!] primary_file_id:ID
        input GalleryDestroyInput ids:[ID!]! delete_file:Boolean delete_generated:Boolean
        input PerformerUpdateInput id:ID! name:String disambiguation:String url:String urls:[String!] gender:GenderEnum
          birthdate:String ethnicity:String country:String eye_color:String height_cm:Int measurements:String
          fake_tits:String penis_length:Float circumcised:CircumisedEnum career_length:String tattoos:String
          piercings:String alias_list:[String!] twitter:String instagram:String favorite:Boolean tag_ids:[ID!]
          image:String stash_ids:[StashIDInput!] rating100:Int details:String death_date:String hair_color:String
          weight:Int ignore_auto_tag:Boolean custom_fields:CustomFieldsInput
        input PerformerDestroyInput id:ID!
        input StudioUpdateInput id:ID! name:String url:String urls:[String!] parent_id:ID image:String
          stash_ids:[StashIDInput!] rating100:Int favorite:Boolean details:String aliases:[String!] tag_ids:[ID!]
          ignore_auto_tag:Boolean
        input StudioDestroyInput id:ID!
        input MovieUpdateInput id:ID! name:String aliases:String duration:Int date:String rating100:Int studio_id:ID
          director:String synopsis:String url:String urls:[String!] tag_ids:[ID!] front_image:String back_image:String
        input MovieDestroyInput id:ID!
        input GroupUpdateInput id:ID! name:String aliases:String duration:Int date:String rating100:Int studio_id:ID
          director:String synopsis:String urls:[String!] tag_ids:[ID!] containing_groups:[GroupDescriptionInput!]
          sub_groups:[GroupDescriptionInput!] front_image:String back_image:String
        input GroupDestroyInput id:ID!
        input TagUpdateInput id:ID! name:String sort_name:String description:String aliases:[String!]
          ignore_auto_tag:Boolean favorite:Boolean image:String stash_ids:[StashIDInput!] parent_ids:[ID!]
          child_ids:[ID!]
        input TagDestroyInput id:ID!
        input TagsMergeInput source:[ID!]! destination:ID!
        type SavedFindFilterType q:String page:Int per_page:Int sort:String direction:SortDirectionEnum
        scalar Map
        type BasicFile id:ID! path:String! basename:String! parent_folder_id:ID!~ zip_file_id:ID~ parent_folder:Folder!
          zip_file:BasicFile mod_time:Time! size:Int64! fingerprint(type:String!):String fingerprints:[Fingerprint!]!
          created_at:Time! updated_at:Time!
        scalar Time
        scalar Int64
        type Fingerprint type:String! value:String!
        type VideoFile id:ID! path:String! basename:String! parent_folder_id:ID!~ zip_file_id:ID~ parent_folder:Folder!
          zip_file:BasicFile mod_time:Time! size:Int64! fingerprint(type:String!):String fingerprints:[Fingerprint!]!
          format:String! width:Int! height:Int! duration:Float! video_codec:String! audio_codec:String!
          frame_rate:Float! bit_rate:Int! created_at:Time! updated_at:Time!
        type ImageFile id:ID! path:String! basename:String! parent_folder_id:ID!~ zip_file_id:ID~ parent_folder:Folder!
          zip_file:BasicFile mod_time:Time! size:Int64! fingerprint(type:String!):String fingerprints:[Fingerprint!]!
          format:String! width:Int! height:Int! created_at:Time! updated_at:Time!
        type GalleryFile id:ID! path:String! basename:String! parent_folder_id:ID!~ zip_file_id:ID~
          parent_folder:Folder! zip_file:BasicFile mod_time:Time! size:Int64! fingerprint(type:String!):String
          fingerprints:[Fingerprint!]! created_at:Time! updated_at:Time!
        input StringCriterionInput value:String! modifier:CriterionModifier!
        input HierarchicalMultiCriterionInput value:[ID!] modifier:CriterionModifier! depth:Int excludes:[ID!]
        input MultiCriterionInput value:[ID!] modifier:CriterionModifier! excludes:[ID!]
        input TimestampCriterionInput value:String! value2:String modifier:CriterionModifier!
        input PHashDuplicationCriterionInput duplicated:Boolean distance:Int
        input FingerprintFilterInput type:String! value:String! distance:Int
        input VideoFileFilterInput resolution:ResolutionCriterionInput orientation:OrientationCriterionInput
          framerate:IntCriterionInput bitrate:IntCriterionInput format:StringCriterionInput
          video_codec:StringCriterionInput audio_codec:StringCriterionInput duration:IntCriterionInput
          captions:StringCriterionInput interactive:Boolean interactive_speed:IntCriterionInput
        input ImageFileFilterInput format:StringCriterionInput resolution:ResolutionCriterionInput
          orientation:OrientationCriterionInput
        input IntCriterionInput value:Int! value2:Int modifier:CriterionModifier!
        enum SortDirectionEnum ASC DESC
        type VideoCaption language_code:String! caption_type:String!
        type ScenePathsType screenshot:String preview:String stream:String webp:String vtt:String sprite:String
          funscript:String interactive_heatmap:String caption:String
        type SceneMarker id:ID! scene:Scene! title:String! seconds:Float! end_seconds:Float primary_tag:Tag!
          tags:[Tag!]! created_at:Time! updated_at:Time! stream:String! preview:String! screenshot:String!
        type SceneGroup group:Group! scene_index:Int
        type SceneMovie movie:Movie! scene_index:Int
        type StashID endpoint:String! stash_id:String! updated_at:Time!
        type SceneStreamEndpoint url:String! mime_type:String label:String
        input PhashDistanceCriterionInput value:String! modifier:CriterionModifier! distance:Int
        input ResolutionCriterionInput value:ResolutionEnum! modifier:CriterionModifier!
        input OrientationCriterionInput value:[OrientationEnum!]!
        input StashIDCriterionInput endpoint:String stash_id:String modifier:CriterionModifier!
        input DateCriterionInput value:String! value2:String modifier:CriterionModifier!
        input FloatCriterionInput value:Float! value2:Float modifier:CriterionModifier!
        union VisualFile |VideoFile |ImageFile
        type ImagePathsType thumbnail:String preview:String image:String
        enum GenderEnum MALE FEMALE TRANSGENDER_MALE TRANSGENDER_FEMALE INTERSEX NON_BINARY
        enum CircumisedEnum CUT UNCUT
        input CircumcisionCriterionInput value:[CircumisedEnum!] modifier:CriterionModifier!
        input GenderCriterionInput value:GenderEnum value_list:[GenderEnum!] modifier:CriterionModifier!
        input CustomFieldCriterionInput field:String! value:[Any!] modifier:CriterionModifier!
        type GroupDescription group:Group! description:String
        type GalleryChapter id:ID! gallery:Gallery! title:String! image_index:Int! created_at:Time! updated_at:Time!
        type GalleryPathsType cover:String! preview:String!
        type ConfigGeneralResult stashes:[StashConfig!]! databasePath:String! generatedPath:String!
          calculateMD5:Boolean! parallelTasks:Int! videoExtensions:[String!]! imageExtensions:[String!]!
          galleryExtensions:[String!]! createGalleriesFromFolders:Boolean!
        enum SystemStatusEnum SETUP NEEDS_MIGRATION OK
        enum JobStatus READY RUNNING FINISHED STOPPING CANCELLED FAILED
        input SceneGroupInput group_id:ID! scene_index:Int
        input SceneMovieInput movie_id:ID! scene_index:Int
        input StashIDInput endpoint:String! stash_id:String! updated_at:Time
        input CustomFieldsInput full:Map partial:Map remove:[String!]
        input GroupDescriptionInput group_id:ID! description:String
        enum CriterionModifier EQUALS NOT_EQUALS GREATER_THAN LESS_THAN IS_NULL NOT_NULL INCLUDES_ALL INCLUDES EXCLUDES
          MATCHES_REGEX NOT_MATCHES_REGEX BETWEEN NOT_BETWEEN
        enum ResolutionEnum VERY_LOW LOW R360P STANDARD WEB_HD STANDARD_HD FULL_HD QUAD_HD VR_HD FOUR_K FIVE_K SIX_K
          SEVEN_K EIGHT_K HUGE
        enum OrientationEnum LANDSCAPE PORTRAIT SQUARE
        scalar Any
        type StashConfig path:String! excludeVideo:Boolean! excludeImage:Boolean!
        """
}
